/** Carries out calls of tools that were made of a WSDL: one POST a call, never repeated. */
import type { Dispatcher } from 'undici'
import { parseXml, type XmlElement, XmlFault } from '../../../kit/xml.ts'
import type { SoapCommon, SoapPlan, SoapSpec } from '../../../model/kinds/soap.ts'
import { userAgent } from '../../../model/product.ts'
import { GatewayError } from '../../../model/refusal.ts'
import { Secrets, secretsOfHeaders } from '../../../upstream/secrets.ts'
import { acceptedEncodings } from '../../../upstream/unpack.ts'
import { jsonAnswer, textAnswer } from '../../api/answer.ts'
import type { Answer, Executor, ExecutorOptions, Run } from '../../api/executor.ts'
import { type HttpAnswer, HttpFault, httpExchange } from '../../api/http-exchange.ts'
import { ArgumentFault, parseArguments } from './arguments.ts'
import { decodeText } from './decode.ts'
import { envelopeHeaders, writeEnvelope } from './envelope.ts'
import { faultOf, faultText } from './fault.ts'
import { envelopes } from './names.ts'
import { XmlReader } from './read.ts'

const answerBytesMax = 16_000_000
const limits = { charactersMax: answerBytesMax, depthMax: 200, nodesMax: 1_000_000 }
const connectionsMax = 64
const quotedMax = 500

class SoapExecutor implements Executor<SoapPlan, SoapCommon> {
  private readonly options: ExecutorOptions<SoapSpec>
  private readonly secrets: Secrets
  private readonly fixedSecrets: readonly string[]
  /** As many as the description has origins of endpoints. */
  private readonly pools = new Map<string, Dispatcher>()

  constructor(options: ExecutorOptions<SoapSpec>) {
    this.options = options
    this.secrets = new Secrets(options.credential)
    const { security } = options.spec
    this.fixedSecrets = security === undefined ? [] : [security.password]
  }

  async run(run: Run<SoapPlan, SoapCommon>): Promise<Answer> {
    const { plan, common, headers, args, signal } = run
    const url = new URL(plan.endpoint)
    let body: string
    try {
      const { spec, now } = this.options
      body = writeEnvelope({
        plan,
        common,
        args: parseArguments(args),
        security: spec.security,
        now: now(),
      })
    } catch (thrown) {
      if (!(thrown instanceof ArgumentFault)) throw thrown
      return textAnswer(`Argument ${thrown.place}: ${thrown.message}.`, true)
    }
    const answer = await this.post(url, body, { ...envelopeHeaders(plan), ...headers }, signal)
    const secrets = [...this.fixedSecrets, ...secretsOfHeaders(headers)]
    return readAnswer(answer, plan, common, (text) => this.secrets.cleanText(text, secrets))
  }

  private async post(
    url: URL,
    body: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    try {
      return await httpExchange(
        this.pool(url),
        {
          method: 'POST',
          path: url.pathname + url.search,
          headers: {
            'user-agent': userAgent,
            'accept-encoding': acceptedEncodings,
            ...headers,
          },
          body,
        },
        { signal, bytesMax: answerBytesMax },
      )
    } catch (thrown) {
      // What an operation does is not known, so nothing that may have arrived is sent again.
      throw thrown instanceof HttpFault ? thrown.error : thrown
    }
  }

  private pool(url: URL): Dispatcher {
    let pool = this.pools.get(url.origin)
    if (pool === undefined) {
      const { egress, credential } = this.options
      const { ca, cert, key } = credential?.tls ?? {}
      const tls = {
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
      }
      pool = egress.pool(new URL(url.origin), { connections: connectionsMax, tls })
      this.pools.set(url.origin, pool)
    }
    return pool
  }

  async close(): Promise<void> {
    await Promise.all([...this.pools.values()].map((pool) => pool.destroy()))
  }
}

async function readAnswer(
  answer: HttpAnswer,
  plan: SoapPlan,
  common: SoapCommon,
  clean: (text: string) => string,
): Promise<Answer> {
  const { status, body } = answer
  const contentType = String(answer.headers['content-type'] ?? '')
  if (/^\s*multipart\//i.test(contentType))
    return textAnswer(
      'The service answered with attachments (MTOM or SOAP with Attachments), which are not supported. The operation itself was carried out.',
      true,
    )
  const isOk = status >= 200 && status < 300
  if (isOk && (plan.output === undefined || body.length === 0))
    return textAnswer('The service accepted the call; the operation has no answer.')
  // In the text and again in what is read of it: a character may be written as its number.
  const text = clean(decodeText(body, contentType))
  const envelope = await readEnvelope(text)
  const soapBody = envelope?.children.find(({ local }) => local === 'Body')
  if (envelope === undefined || soapBody === undefined) {
    if (isOk)
      throw new GatewayError('server_broken', {
        detail: `no SOAP envelope, but ${contentType}`,
        hint: 'Its answer is no SOAP message.',
      })
    return textAnswer(clean(refusalText(status, contentType, text)), true)
  }
  const fault = faultOf(soapBody, envelope.namespace)
  if (fault !== undefined)
    return textAnswer(clean(faultText(fault, { plan, common, status, body: soapBody })), true)
  if (!isOk) return textAnswer(clean(refusalText(status, contentType, text)), true)
  const header = envelope.children.find(({ local }) => local === 'Header')
  const { output } = plan
  if (output === undefined || output.body.length + output.headers.length === 0)
    return textAnswer('The service carried the operation out; it has no answer.')
  const value = new XmlReader(common.types, soapBody).message(output, soapBody, header)
  return jsonAnswer(Buffer.from(clean(JSON.stringify(value))))
}

/** Undefined when it is no envelope of any version. @throws GatewayError server_broken, answer_too_large */
async function readEnvelope(text: string): Promise<XmlElement | undefined> {
  try {
    const root = await parseXml(text, limits)
    const isSoap = Object.values(envelopes).some((namespace) => namespace === root.namespace)
    return root.local === 'Envelope' && isSoap ? root : undefined
  } catch (thrown) {
    if (!(thrown instanceof XmlFault)) throw thrown
    if (thrown.reason === 'malformed') return undefined
    throw thrown.reason === 'too-large'
      ? new GatewayError('answer_too_large', { detail: thrown.message, cause: thrown })
      : new GatewayError('server_broken', {
          detail: thrown.message,
          hint: 'Its answer has a document type declaration, which SOAP forbids.',
          cause: thrown,
        })
  }
}

function refusalText(status: number, contentType: string, text: string): string {
  const said = /html/i.test(contentType)
    ? (/<title[^>]*>([^<]{1,300})/i.exec(text.slice(0, 20_000))?.[1] ?? '')
    : text
  const quoted = said.replaceAll(/\s+/g, ' ').trim().slice(0, quotedMax)
  const line = `The service answered HTTP ${status}${quoted === '' ? '' : `: ${quoted}`}`
  if (status === 401 || status === 403)
    return `${line}\nIt does not accept the credential that is configured for it, or wants one. No argument can mend that: an operator must set credential or soap.security of this server.`
  if (status >= 300 && status < 400)
    return `${line}\nIt redirects, and calls are not sent elsewhere; an operator can set soap.endpoint of this server.`
  if (status === 404)
    return `${line}\nThere is no service at this address; an operator can set soap.endpoint of this server.`
  if (status === 429 || status >= 502) return `${line}\nThis may pass. Try again later.`
  return line
}

/** An executor for one server. */
export function createSoapExecutor(
  options: ExecutorOptions<SoapSpec>,
): Executor<SoapPlan, SoapCommon> {
  return new SoapExecutor(options)
}
