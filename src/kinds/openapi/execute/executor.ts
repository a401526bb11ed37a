/** Carries out calls of tools that were made of an OpenAPI description. */

import { newestModern } from '../../../model/call.ts'
import type { Credential, TlsCredential } from '../../../model/credential.ts'
import type { OpenApiSpec, RestCommon, RestPlan } from '../../../model/kinds/openapi.ts'
import { userAgent } from '../../../model/product.ts'
import { mayRepeat } from '../../../upstream/retry.ts'
import { Secrets, secretsOfHeaders } from '../../../upstream/secrets.ts'
import { acceptedEncodings } from '../../../upstream/unpack.ts'
import { textAnswer } from '../../api/answer.ts'
import { type Placed, RestCredentials } from '../../api/credentials.ts'
import type { Pair } from '../../api/escape.ts'
import type { Answer, Executor, ExecutorOptions, Run } from '../../api/executor.ts'
import { OAuthTokens } from '../../api/oauth-tokens.ts'
import { ArgumentFault } from './arguments.ts'
import { type Reading, readAnswer } from './read-answer.ts'
import { readLarge } from './read-large.ts'
import { type BuiltRequest, buildRequest, queryText } from './request.ts'
import { dropRest, type Outgoing, Sender, type SenderOptions } from './send.ts'

class RestExecutor implements Executor<RestPlan, RestCommon> {
  private readonly sender: Sender
  private readonly credentials: RestCredentials
  private readonly secrets: Secrets

  constructor(options: ExecutorOptions<OpenApiSpec>) {
    const { credential, egress, now, timeoutMs } = options
    this.sender = new Sender({ egress, tls: tlsOf(credential), timeoutMs, now })
    this.credentials = new RestCredentials(credential, new OAuthTokens({ egress, now }))
    this.secrets = new Secrets(credential)
  }

  async run(run: Run<RestPlan, RestCommon>): Promise<Answer> {
    const { plan } = run
    if (plan.baseUrl === '')
      return textAnswer(
        'The description names no server, so the call has nowhere to go. An operator must set openapi.baseUrl of this server.',
        true,
      )
    if (URL.parse(plan.baseUrl) === null || /[{}]/.test(plan.baseUrl))
      return textAnswer(
        `The description names ${JSON.stringify(plan.baseUrl)} as the server, which is no URL. An operator must set openapi.baseUrl of this server.`,
        true,
      )
    let request: BuiltRequest
    try {
      request = buildRequest(plan, run.args)
    } catch (fault) {
      if (!(fault instanceof ArgumentFault)) throw fault
      return textAnswer(`Argument ${fault.argument}: ${fault.message}.`, true)
    }
    const headerSecrets = secretsOfHeaders(run.headers)
    let placed = await this.credentials.place(run)
    let outgoing = outgoingOf(request, run.headers, placed)
    let arrived = await this.sender.send(outgoing, run.signal)
    // Revoked before its time.
    const isOver = arrived.status === 401 && placed.token !== undefined
    if (isOver && mayRepeat({ repeatable: false, reached: 'refused', attempts: 1 })) {
      dropRest(arrived)
      placed = await this.credentials.place(run, placed.token)
      outgoing = outgoingOf(request, run.headers, placed)
      arrived = await this.sender.send(outgoing, run.signal)
    }
    const secrets = [...headerSecrets, ...placed.secrets]
    const reading: Reading = {
      plan,
      arrived,
      url: new URL(request.baseUrl + pathOf(request, [])),
      presented: placed.presented || headerSecrets.length > 0,
      args: run.args,
      nameOf: (tool) => run.nameOf?.(tool),
      clean: (text) => this.secrets.cleanText(text, secrets),
      cleanBytes: (bytes) => this.secrets.clean(bytes, secrets),
    }
    const { rest } = arrived
    if (rest !== undefined && arrived.stuck === undefined && arrived.status < 400)
      return readLarge(reading, {
        rest,
        secrets: () => {
          const stage = this.secrets.stage(secrets)
          return stage === undefined ? [] : [stage]
        },
        revision: run.revision ?? newestModern,
      })
    dropRest(arrived)
    return readAnswer(reading)
  }

  close(): Promise<void> {
    return this.sender.close()
  }
}

function tlsOf(credential: Credential | undefined): SenderOptions['tls'] {
  const tls: TlsCredential | undefined = credential === undefined ? undefined : credential.tls
  if (tls === undefined) return undefined
  const { ca, cert, key } = tls
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  }
}

function pathOf(request: BuiltRequest, more: readonly Pair[]): string {
  // A parameter of the caller never stands in for one of the credential.
  const names = new Set(more.map(([name]) => name))
  const query = queryText([...request.query.filter(([name]) => !names.has(name)), ...more])
  return query === '' ? request.path : `${request.path}?${query}`
}

function outgoingOf(
  request: BuiltRequest,
  configured: Readonly<Record<string, string>>,
  placed: Placed,
): Outgoing {
  const base = new URL(request.baseUrl)
  const cookies = cookieText(request.cookies, configured['cookie'], placed.cookies)
  const own: Record<string, string> = {
    'user-agent': userAgent,
    'accept-encoding': acceptedEncodings,
    accept: request.headers['accept'] ?? '*/*',
  }
  return {
    method: request.method,
    url: base,
    path: base.pathname.replace(/\/$/, '') + pathOf(request, placed.query),
    headers: {
      ...own,
      ...request.headers,
      ...configured,
      ...placed.headers,
      ...(cookies === '' ? {} : { cookie: cookies }),
    },
    body: request.body,
    harmless: new Set(Object.keys(own)),
    query: placed.query,
    aws: placed.aws,
  }
}

function cookieText(
  given: readonly Pair[],
  configured: string | undefined,
  placed: readonly Pair[],
): string {
  const taken = new Set([
    ...placed.map(([name]) => name),
    ...(configured ?? '').split(';').map((pair) => pair.split('=')[0]?.trim() ?? ''),
  ])
  return [
    ...given.filter(([name]) => !taken.has(name)).map(([name, value]) => `${name}=${value}`),
    ...(configured === undefined ? [] : [configured]),
    ...placed.map(([name, value]) => `${name}=${value}`),
  ].join('; ')
}

/** An executor for one server. */
export function createRestExecutor(
  options: ExecutorOptions<OpenApiSpec>,
): Executor<RestPlan, RestCommon> {
  return new RestExecutor(options)
}
