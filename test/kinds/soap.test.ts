import { createEgress } from '../../src/egress/guard.ts'
import { createSoapExecutor } from '../../src/kinds/soap/execute/executor.ts'
import {
  type SoapCommon,
  type SoapElement,
  type SoapPlan,
  soapSpec,
} from '../../src/model/kinds/soap.ts'
import { patienceMs } from '../patience.ts'
import { describeKind } from './contract.ts'
import { serve } from './rest-server.ts'

const text: SoapElement = {
  name: { namespace: 'urn:t', local: 'text' },
  property: 'text',
  type: 'string',
  nillable: false,
}
const envelope = (body: string): string =>
  `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>${body}</s:Body></s:Envelope>`

describeKind<SoapPlan, SoapCommon>({
  name: 'soap',
  echoArgs: (said) => JSON.stringify({ text: said }),
  missing: {
    flakyRead: 'WSDL does not say what is safe to repeat, so nothing is repeated',
    endless: 'XML becomes JSON by its end, so an envelope is held',
  },
  async start({ presented, accepted }) {
    const seen = { slow: 0, stopped: 0, flaky: 0 }
    const { origin, stop } = await serve((request, response, body) => {
      const path = request.url ?? ''
      response.setHeader('content-type', 'text/xml')
      const got = request.headers.authorization
      if (path === '/echo') response.end(body)
      else if (path === '/slow') {
        seen.slow++
        response.on('close', () => seen.stopped++)
      } else if (path === '/huge') {
        const chunk = Buffer.alloc(1_000_000, 0x20)
        const more = (): void => {
          if (!response.destroyed) response.write(chunk, () => more())
        }
        more()
      } else if (path === '/fail' || (path === '/guarded' && got !== `Bearer ${accepted}`)) {
        response.statusCode = 500
        const code = path === '/fail' ? 's:Server' : 'wsse:FailedAuthentication'
        const reason = path === '/fail' ? 'the-reason' : `bad token ${got}`
        response.end(
          envelope(
            `<s:Fault><faultcode>${code}</faultcode><faultstring>${reason}</faultstring></s:Fault>`,
          ),
        )
      } else if (path === '/flaky' && ++seen.flaky === 1) request.socket.destroy()
      else response.end(envelope('<text xmlns="urn:t">ok</text>'))
    })
    const message = { wrapper: undefined, encoded: false, inline: false, headers: [] }
    const plan = (path: string, body: readonly SoapElement[] = []): SoapPlan => ({
      endpoint: origin + path,
      version: '1.1',
      action: '',
      input: { ...message, body },
      output: { ...message, body: [text] },
      faults: [],
    })
    return {
      executor: createSoapExecutor({
        server: 'legacy',
        spec: soapSpec.parse({ wsdl: 'x.wsdl' }),
        credential: { bearer: presented },
        egress: createEgress({ named: ['127.0.0.1'], spec: { hosts: [], networks: [] } }),
        cursors: { seal: (one) => one, open: (one) => one },
        timeoutMs: patienceMs,
        now: Date.now,
      }),
      common: {
        types: {
          string: {
            kind: 'simple',
            name: undefined,
            simple: { kind: 'atomic', base: 'string', builtin: 'string', facets: {} },
          },
        },
      },
      ops: {
        echo: plan('/echo', [text]),
        slow: plan('/slow'),
        huge: plan('/huge'),
        fail: plan('/fail'),
        guarded: plan('/guarded'),
        flakyWrite: plan('/flaky'),
      },
      headers: { authorization: `Bearer ${presented}` },
      seen,
      stop,
    }
  },
})
