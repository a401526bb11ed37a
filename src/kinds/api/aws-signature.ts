/** AWS Signature Version 4 in the `Authorization` header (AWS General Reference, "Signing AWS API requests"). */
import { createHmac, hash } from 'node:crypto'
import { escapeAll } from './escape.ts'

export interface AwsKey {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string | undefined
  readonly region: string
  readonly service: string
}

export interface Signable {
  readonly method: string
  /** As the header Host has it. */
  readonly host: string
  /** Path and query as they are sent. */
  readonly path: string
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer | undefined
}

const algorithm = 'AWS4-HMAC-SHA256'

/** The headers that sign a request at a time in epoch milliseconds. */
export function awsHeaders(request: Signable, key: AwsKey, now: number): Record<string, string> {
  const at = `${new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '')}`
  const day = at.slice(0, 8)
  const payload = hash('sha256', request.body ?? '', 'hex')
  const own: Record<string, string> = {
    'x-amz-date': at,
    ...(key.sessionToken === undefined ? {} : { 'x-amz-security-token': key.sessionToken }),
    // S3 asks for it; to others it says nothing new.
    ...(key.service === 's3' ? { 'x-amz-content-sha256': payload } : {}),
  }
  const signed = signedHeaders({ ...request.headers, ...own, host: request.host })
  const names = signed.map(([name]) => name).join(';')
  const [path = '', query = ''] = request.path.split(/\?(.*)/s, 2)
  const canonical = [
    request.method,
    canonicalPath(path, key.service),
    canonicalQuery(query),
    ...signed.map(([name, value]) => `${name}:${value}`),
    '',
    names,
    payload,
  ].join('\n')
  const scope = `${day}/${key.region}/${key.service}/aws4_request`
  const text = [algorithm, at, scope, hash('sha256', canonical, 'hex')].join('\n')
  const signature = [day, key.region, key.service, 'aws4_request', text].reduce<string | Buffer>(
    (secret, part) => createHmac('sha256', secret).update(part).digest(),
    `AWS4${key.secretAccessKey}`,
  )
  return {
    ...own,
    authorization: `${algorithm} Credential=${key.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature.toString('hex')}`,
  }
}

/** Those that nothing on the way changes. */
function signedHeaders(headers: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(headers)
    .filter(([name]) => name === 'host' || name === 'content-type' || name.startsWith('x-amz-'))
    .map(([name, value]): [string, string] => [name, value.trim().replaceAll(/ +/g, ' ')])
    .sort(([a], [b]) => (a < b ? -1 : 1))
}

/** S3 escapes each segment once, all other services what is sent once more. */
function canonicalPath(path: string, service: string): string {
  const plain = service === 's3' ? decoded : (segment: string): string => segment
  return path
    .split('/')
    .map((segment) => escapeAll(plain(segment)))
    .join('/')
}

function canonicalQuery(query: string): string {
  return query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const [name = '', value = ''] = pair.split(/=(.*)/s, 2)
      return [escapeAll(decoded(name)), escapeAll(decoded(value))] as const
    })
    .sort(([a, x], [b, y]) => (a === b ? (x < y ? -1 : 1) : a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const region = /^[a-z]{2}(?:-gov|-iso[a-z]?)?-[a-z]+-\d$/

/** What the host of an AWS service says: `sqs.eu-west-1.amazonaws.com`, `x.execute-api.us-east-1.amazonaws.com`. */
export function awsAddress(host: string): { readonly service?: string; readonly region?: string } {
  const [, inner = ''] =
    /^(.+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws(?:\.cn)?|on\.aws)$/.exec(host) ?? []
  const labels = inner.split('.').filter((label) => label !== '' && label !== 'dualstack')
  const [, s3Region] = /^s3-(.+)$/.exec(labels.at(-1) ?? '') ?? []
  if (s3Region !== undefined && region.test(s3Region)) return { service: 's3', region: s3Region }
  const at = labels.findLastIndex((label) => region.test(label))
  // Before the region, but for search domains, where it stands behind it. Global services have no region.
  const label = at < 0 ? labels.at(-1) : (labels[at + 1] ?? labels[at - 1])
  const service = label?.replace(/^fips-|-fips$/g, '')
  return {
    ...(service === undefined ? {} : { service: service === 'lambda-url' ? 'lambda' : service }),
    ...(service === undefined ? {} : { region: at < 0 ? 'us-east-1' : (labels[at] ?? '') }),
  }
}
