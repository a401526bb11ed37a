/** What envelopes hold byte by byte, and what answers of all kinds become. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createEgress } from '../../src/egress/guard.ts'
import { convertSoap } from '../../src/kinds/soap/convert/convert.ts'
import { createSoapExecutor } from '../../src/kinds/soap/execute/executor.ts'
import { type SoapSpec, soapSpec } from '../../src/model/kinds/soap.ts'
import { GatewayError } from '../../src/model/refusal.ts'
import { readBeside } from '../apis/soap-tools.ts'
import { patienceMs } from '../patience.ts'
import { serve } from './rest-server.ts'

const soap11 = 'http://schemas.xmlsoap.org/soap/envelope/'
const soap12 = 'http://www.w3.org/2003/05/soap-envelope'
const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

const schema = `
  <xs:complexType name="Shape" abstract="true"><xs:sequence><xs:element name="id" type="xs:int"/></xs:sequence></xs:complexType>
  <xs:complexType name="Circle"><xs:complexContent><xs:extension base="t:Shape"><xs:sequence>
    <xs:element name="radius" type="xs:double"/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>
  <xs:complexType name="Box"><xs:complexContent><xs:extension base="t:Shape"><xs:sequence>
    <xs:element name="inside" type="t:Shape" minOccurs="0"/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>
  <xs:complexType name="Remark" mixed="true"><xs:sequence><xs:element name="b" type="xs:string" minOccurs="0"/></xs:sequence>
    <xs:attribute ref="xml:lang"/></xs:complexType>
  <xs:element name="pay" abstract="true" type="xs:string"/>
  <xs:element name="cash" substitutionGroup="t:pay"/><xs:element name="card" substitutionGroup="t:pay"/>
  <xs:complexType name="All"><xs:sequence>
    <xs:element name="shape" type="t:Shape" minOccurs="0"/>
    <xs:element ref="t:pay" minOccurs="0"/>
    <xs:sequence minOccurs="0" maxOccurs="unbounded"><xs:element name="x" type="xs:int"/><xs:element name="y" type="xs:int"/></xs:sequence>
    <xs:choice minOccurs="0" maxOccurs="unbounded"><xs:element name="c" type="xs:int"/><xs:element name="d" type="xs:int"/></xs:choice>
    <xs:element name="plain" type="xs:string" form="unqualified" minOccurs="0"/>
    <xs:element name="kind" type="xs:string" default="new"/>
    <xs:element name="free" minOccurs="0"/>
    <xs:element name="remark" type="t:Remark" minOccurs="0"/>
    <xs:element name="name" type="xs:QName" minOccurs="0"/>
    <xs:element name="when" type="xs:decimal" minOccurs="0"/>
    <xs:any minOccurs="0" maxOccurs="unbounded"/>
  </xs:sequence><xs:attribute name="version" type="xs:int" use="required" fixed="3"/></xs:complexType>
  <xs:element name="In" type="t:All"/><xs:element name="Out" type="t:All"/>
  <xs:element name="Oops"><xs:complexType><xs:sequence><xs:element name="number" type="xs:int"/></xs:sequence></xs:complexType></xs:element>`

const wsdl = (version: '1.1' | '1.2', oneWay: boolean): string =>
  `<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:xs="http://www.w3.org/2001/XMLSchema"
    xmlns:s="http://schemas.xmlsoap.org/wsdl/${version === '1.1' ? 'soap' : 'soap12'}/" xmlns:t="urn:t" targetNamespace="urn:t">
    <types><xs:schema targetNamespace="urn:t" elementFormDefault="qualified">${schema}</xs:schema></types>
    <message name="In"><part name="p" element="t:In"/></message><message name="Out"><part name="p" element="t:Out"/></message>
    <message name="Oops"><part name="p" element="t:Oops"/></message>
    <portType name="P"><operation name="Do"><input message="t:In"/>${oneWay ? '' : '<output message="t:Out"/>'}<fault name="f" message="t:Oops"/></operation></portType>
    <binding name="B" type="t:P"><s:binding transport="http://schemas.xmlsoap.org/soap/http"/>
      <operation name="Do"><s:operation soapAction='urn:t/"do"'/><input><s:body use="literal"/></input></operation></binding>
    <service name="S"><port name="Port" binding="t:B"><s:address location="http://127.0.0.1:1/"/></port></service>
  </definitions>`

interface Service {
  /** The last request: its head and its body. */
  readonly got: { headers: IncomingMessage['headers']; body: string }
  call(
    args: object,
    over?: object,
  ): Promise<{ isError: boolean; text: string; structured: unknown }>
}

type Respond = (response: ServerResponse) => void

async function service(
  respond: Respond,
  options: { version?: '1.1' | '1.2'; oneWay?: boolean; spec?: Partial<SoapSpec> } = {},
): Promise<Service> {
  const { version = '1.1', oneWay = false } = options
  const got: Service['got'] = { headers: {}, body: '' }
  const { origin, stop } = await serve((request, response, body) => {
    got.headers = request.headers
    got.body = body.toString()
    respond(response)
  })
  const spec = {
    ...soapSpec.parse({ wsdl: 'x.wsdl', endpoint: `${origin}/s?a=1` }),
    ...options.spec,
  }
  const description = { location: '/x.wsdl', text: wsdl(version, oneWay), mediaType: undefined }
  const { tools, common, skipped } = await convertSoap(spec, description, readBeside)
  const [tool] = tools
  if (tool === undefined) throw new Error(JSON.stringify(skipped))
  const executor = createSoapExecutor({
    server: 'legacy',
    spec,
    credential: undefined,
    egress: createEgress({ named: ['127.0.0.1'], spec: { hosts: [], networks: [] } }),
    cursors: { seal: (text) => text, open: (text) => text },
    timeoutMs: patienceMs,
    now: () => Date.UTC(2026, 2, 1),
  })
  ends.push(async () => {
    await executor.close()
    await stop()
  })
  return {
    got,
    async call(args) {
      const answer = await executor.run({
        plan: tool.plan,
        common,
        args: JSON.stringify(args),
        headers: { 'x-tenant': 'acme' },
        principalId: 'key:test',
        signal: AbortSignal.timeout(patienceMs),
        progress: () => undefined,
      })
      if (answer.body.kind !== 'whole') throw new Error('the result is a stream')
      const form = z.looseObject({
        content: z.array(z.looseObject({ text: z.string() })),
        structuredContent: z.unknown().optional(),
      })
      const result = form.parse(JSON.parse(answer.body.bytes.toString()))
      return {
        isError: answer.isError,
        text: result.content.map(({ text }) => text).join('\n'),
        structured: result.structuredContent,
      }
    },
  }
}

function xml(body: string | Buffer, { status = 200, type = 'text/xml' } = {}): Respond {
  return (response) => {
    response.writeHead(status, { 'content-type': type })
    response.end(body)
  }
}

const envelope = (body: string, namespace = soap11): string =>
  `<e:Envelope xmlns:e="${namespace}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xsd="http://www.w3.org/2001/XMLSchema"><e:Body>${body}</e:Body></e:Envelope>`
const out = (inside: string): Respond =>
  xml(envelope(`<t:Out xmlns:t="urn:t" version="3"><t:kind>k</t:kind>${inside}</t:Out>`))

async function sent(args: object): Promise<string> {
  const { call, got } = await service(out(''))
  const outcome = await call(args)
  if (outcome.isError) return outcome.text
  return /<soap:Body>(.*)<\/soap:Body>/.exec(got.body)?.[1] ?? got.body
}

describe('envelopes', () => {
  it('of SOAP 1.1 and 1.2, whole', async () => {
    const old = await service(out(''))
    await old.call({})
    expect(old.got.body).toBe(
      `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="${soap11}" xmlns:n1="urn:t"><soap:Body><n1:In version="3"><n1:kind>new</n1:kind></n1:In></soap:Body></soap:Envelope>`,
    )
    expect(old.got.headers).toMatchObject({
      'content-type': 'text/xml; charset=utf-8',
      soapaction: '"urn:t/\\"do\\""',
      'x-tenant': 'acme',
    })
    const newer = await service(out(''), { version: '1.2' })
    await newer.call({})
    expect(newer.got.body).toContain(`<soap:Envelope xmlns:soap="${soap12}" xmlns:n1="urn:t">`)
    expect(newer.got.headers['content-type']).toBe(
      'application/soap+xml; charset=utf-8; action="urn:t/\\"do\\""',
    )
    expect(newer.got.headers).not.toHaveProperty('soapaction')
  })

  it('with a UsernameToken whose time is that of the call', async () => {
    const security = { username: 'ada', password: 'secret-word', type: 'digest' } as const
    const { call, got } = await service(out('<t:plain>secret-word</t:plain>'), {
      spec: { security },
    })
    const outcome = await call({})
    expect(got.body).toContain('<soap:Header><wsse:Security soap:mustUnderstand="1"')
    expect(got.body).toContain('<wsu:Created>2026-03-01T00:00:00.000Z</wsu:Created>')
    expect(got.body).not.toContain('secret-word')
    expect(JSON.stringify(outcome)).not.toContain('secret-word')
  })

  it.each([
    [
      'abstract types say which one is meant',
      { shape: { xsi_type: 'Box', id: 1, inside: { xsi_type: 'Circle', id: 2, radius: 0.5 } } },
      '<n1:shape xsi:type="n1:Box"><n1:id>1</n1:id><n1:inside xsi:type="n1:Circle"><n1:id>2</n1:id><n1:radius>0.5</n1:radius></n1:inside></n1:shape>',
    ],
    ['members of substitution groups', { card: 'x' }, '<n1:card>x</n1:card>'],
    [
      'repeated sequences in turn',
      {
        items: [
          { x: 1, y: 2 },
          { x: 3, y: 4 },
        ],
      },
      '<n1:x>1</n1:x><n1:y>2</n1:y><n1:x>3</n1:x><n1:y>4</n1:y>',
    ],
    [
      'repeated choices in order',
      { items_group: [{ c: 1 }, { d: 2 }, { c: 3 }] },
      '<n1:c>1</n1:c><n1:d>2</n1:d><n1:c>3</n1:c>',
    ],
    ['unqualified elements', { plain: 'p' }, '<plain>p</plain>'],
    [
      'free content and foreign elements',
      {
        free: { attributes: { a: '"' }, text: '<', children: [{ name: 'z', namespace: 'urn:z' }] },
        any: [{ name: 'w' }],
      },
      '<n1:free a="&quot;">&lt;<n2:z></n2:z></n1:free><w></w>',
    ],
    [
      'mixed content',
      { remark: { lang: 'en', text: 'a & ', b: 'c' } },
      '<n1:remark xml:lang="en">a &amp; <n1:b>c</n1:b></n1:remark>',
    ],
    ['qualified names', { name: '{urn:q}local' }, '<n1:name>n2:local</n1:name>'],
    ['numbers without exponents', { when: 1e-7 }, '<n1:when>0.0000001</n1:when>'],
  ])('%s', async (_, args, inside) => {
    expect((await sent(args)).replace('<n1:kind>new</n1:kind>', '')).toBe(
      `<n1:In version="3">${inside}</n1:In>`,
    )
  })

  it.each([
    ['half of a pair', { items: [{ x: 1, y: 1 }, { x: 2 }] }, 'Argument items[1].y: is missing'],
    ['both of a choice', { items_group: [{ c: 1, d: 2 }] }, 'cannot stand together'],
    ['two of a choice', { card: 'a', cash: 'b' }, 'cannot stand together'],
    [
      'no type for an abstract one',
      { shape: { id: 1 } },
      'must have xsi_type, one of: Circle, Box',
    ],
    [
      'an unknown property deep inside',
      { remark: { other: 1 } },
      'Argument remark.other: is not known here',
    ],
    [
      'control characters',
      { plain: '\u0001' },
      'Argument plain: must be a text without control characters',
    ],
    [
      'names that would be markup',
      { any: [{ name: 'a><b' }] },
      'Argument any[0]: must be an element with a name',
    ],
    [
      'attributes that would be markup',
      { free: { attributes: { 'a="1" b': 'x' } } },
      'must be an attribute',
    ],
    [
      'reserved namespaces',
      { any: [{ name: 'a', namespace: 'http://www.w3.org/2000/xmlns/' }] },
      'must be the URI',
    ],
    ['names with markup in them', { name: '{urn:q}a:b c' }, 'must be a name'],
  ])('refuses %s, and sends nothing', async (_, args, text) => {
    expect(await sent(args)).toContain(text)
  })
})

describe('answers', () => {
  const read = async (
    respond: Respond,
    options = {},
  ): Promise<Awaited<ReturnType<Service['call']>>> => (await service(respond, options)).call({})

  it('derived types, foreign and unexpected elements, and loosely qualified ones', async () => {
    const { structured } = await read(
      out(
        '<t:shape xsi:type="t:Circle"><t:id>1</t:id><radius>2.5</radius></t:shape><t:free xsi:type="xsd:int">7</t:free><z:z xmlns:z="urn:z" a="1">q</z:z>',
      ),
    )
    expect(structured).toEqual({
      version: 3,
      kind: 'k',
      shape: { xsi_type: 'Circle', id: 1, radius: 2.5 },
      free: 7,
      any: [{ name: 'z', namespace: 'urn:z', attributes: { a: '1' }, text: 'q' }],
    })
  })

  it('numbers keep their digits, and what does not fit its type stays a text', async () => {
    const { structured } = await read(
      out('<t:x>nonsense</t:x><t:x>1</t:x><t:when>0.12345678901234567890</t:when>'),
    )
    expect(structured).toMatchObject({
      items: [{ x: 'nonsense' }, { x: 1 }],
      when: '0.12345678901234567890',
    })
  })

  it('references of the SOAP encoding, also to themselves', async () => {
    const { structured } = await read(
      xml(
        envelope(
          '<t:Out xmlns:t="urn:t"><t:kind href="#1"/><t:shape href="#2"/></t:Out><m id="1">far</m><m id="2" xmlns:t="urn:t" xsi:type="t:Box"><t:id>9</t:id><t:inside href="#2"/></m>',
        ),
      ),
    )
    expect(structured).toMatchObject({ kind: 'far', shape: { id: 9 } })
  })

  it('references that multiply are cut off, and stay small', async () => {
    const level = (index: number): string =>
      `<m id="${index}" xmlns:t="urn:t" xsi:type="t:Box"><t:id>${'9'.repeat(10_000)}</t:id>${'<t:inside href="#NEXT"/>'.replace('NEXT', String(index + 1)).repeat(20)}</m>`
    const levels = Array.from({ length: 12 }, (_, index) => level(index)).join('')
    const { isError, text } = await read(
      xml(envelope(`<t:Out xmlns:t="urn:t"><t:shape href="#0"/></t:Out>${levels}`)),
    )
    expect(isError).toBe(false)
    expect(text.length).toBeLessThan(64_000_000)
  })

  it('other encodings than UTF-8', async () => {
    const latin = Buffer.from(
      `<?xml version="1.0" encoding="iso-8859-1"?>${envelope('<Out xmlns="urn:t"><kind>\u00e9</kind></Out>')}`,
      'latin1',
    )
    expect((await read(xml(latin))).structured).toMatchObject({ kind: '\u00e9' })
    const utf16 = Buffer.from(
      `\uFEFF${envelope('<Out xmlns="urn:t"><kind>\u00e9</kind></Out>')}`,
      'utf16le',
    )
    expect((await read(xml(utf16))).structured).toMatchObject({ kind: '\u00e9' })
  })

  it('faults of SOAP 1.2 with subcodes, languages and a typed detail', async () => {
    const body = `<e:Fault><e:Code><e:Value>e:Sender</e:Value><e:Subcode><e:Value xmlns:m="urn:m">m:Late</e:Value></e:Subcode></e:Code>
      <e:Reason><e:Text xml:lang="de">zu sp\u00e4t</e:Text><e:Text xml:lang="en">too late</e:Text></e:Reason><e:Role>urn:role</e:Role>
      <e:Detail><t:Oops xmlns:t="urn:t"><t:number>42</t:number></t:Oops><other a="1"/></e:Detail></e:Fault>`
    const outcome = await read(xml(envelope(body, soap12), { status: 500 }), { version: '1.2' })
    expect(outcome).toMatchObject({ isError: true, structured: undefined })
    expect(outcome.text).toBe(
      [
        'The service answered with a fault: too late',
        'Code: Sender / Late (HTTP 500)',
        'Raised by: urn:role',
        'Detail: {"Oops":{"number":42},"other":{"attributes":{"a":"1"}}}',
        'The service holds the arguments for wrong: correct them as it says, and call again.',
      ].join('\n'),
    )
  })

  it('a fault with status 200, and one of another version than the call', async () => {
    const fault =
      '<e:Fault><faultcode>e:Server</faultcode><faultstring>down</faultstring></e:Fault>'
    expect((await read(xml(envelope(fault)))).isError).toBe(true)
    expect((await read(xml(envelope(fault), { status: 500 }), { version: '1.2' })).text).toContain(
      'down',
    )
  })

  it('one-way operations and attachments', async () => {
    const accepted = await read((response) => response.writeHead(202).end(), { oneWay: true })
    expect(accepted).toMatchObject({ isError: false, structured: undefined })
    expect(accepted.text).toContain('accepted')
    const attached = await read(
      xml('--x\r\n', { type: 'multipart/related; boundary=x; type="application/xop+xml"' }),
    )
    expect(attached.isError).toBe(true)
    expect(attached.text).toContain('attachments')
  })

  it.each([
    [401, 'text/html', '<html><title>Sign in</title>', /401: Sign in[\s\S]*credential/],
    [404, 'text/plain', 'nothing here', /404: nothing here[\s\S]*soap.endpoint/],
    [302, 'text/plain', '', /302[\s\S]*redirects/],
    [503, 'text/plain', 'later', /503: later[\s\S]*Try again later/],
    [500, 'application/json', '{"a":1}', /500: \{"a":1\}/],
  ])(
    'HTTP %i without a fault is an error that says what it was',
    async (status, type, body, text) => {
      const outcome = await read(xml(body, { status, type }))
      expect(outcome.isError).toBe(true)
      expect(outcome.text).toMatch(text)
    },
  )

  it.each([
    ['text that is no XML', 'hello', 'server_broken'],
    ['XML that is no envelope', '<a/>', 'server_broken'],
    [
      'a document type',
      `<!DOCTYPE e [<!ENTITY x SYSTEM "file:///etc/passwd">]>${envelope('&x;')}`,
      'server_broken',
    ],
    ['endless depth', envelope('<a>'.repeat(5_000) + '</a>'.repeat(5_000)), 'answer_too_large'],
    ['a broken coding', Buffer.from([0xff, 0xfe, 0x00]), 'server_broken'],
  ])('%s is refused', async (_, body, code) => {
    const fault: unknown = await read(xml(body)).catch((thrown: unknown) => thrown)
    expect(fault).toBeInstanceOf(GatewayError)
    expect(fault instanceof GatewayError && fault.code).toBe(code)
  })
})
