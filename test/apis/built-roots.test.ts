/** Files that a description points at, by the built product: where they may lie, and what is known without them. */
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ConvertedView, convertBuilt, runBuilt } from './built-convert.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-roots-'))
  await cp(
    fileURLToPath(new URL('../fixtures/roots/soap', import.meta.url)),
    join(folder, 'onvif'),
    {
      recursive: true,
    },
  )
})
afterAll(() => rm(folder, { recursive: true }))

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), text)
  }
}

const property = ({ tools }: ConvertedView, name: string): unknown =>
  Object(tools[0]?.inputSchema['properties'])[name]

const openapi = (reference: string): string => `
openapi: 3.1.0
info: { title: X, version: "1" }
servers: [{ url: "http://127.0.0.1:9" }]
paths:
  /x:
    get:
      operationId: getX
      parameters: [{ name: mode, in: query, schema: { $ref: "${reference}" } }]
      responses: { "200": { description: ok } }
`
const mode = { type: 'string', enum: ['On', 'Off'] }

describe('files in other folders of a project', () => {
  test('are found where references lead, and the folder is told', async () => {
    const view = await convertBuilt(['onvif/wsdl/device.wsdl'], folder)
    expect(view.root).toBe(join(folder, 'onvif'))
    expect(view.notes).toEqual([])
    expect(property(view, 'Mode')).toEqual(mode)
    const { stdout } = await runBuilt(['convert', 'onvif/wsdl/device.wsdl'], folder)
    expect(stdout).toContain(`Files are read in ${join(folder, 'onvif')}`)
  })

  test('are read in the root that is named, for each kind', async () => {
    await write({
      'rest/api/x.yaml': openapi('../parts/mode.yaml'),
      'rest/parts/mode.yaml': 'type: string\nenum: ["On", "Off"]\n',
      'feed/api/x.yaml': `
asyncapi: 3.0.0
info: { title: Feed, version: "1" }
servers: { p: { host: "127.0.0.1:9", protocol: ws } }
channels: { c: { address: /, messages: { m: { payload: { type: object, properties: { mode: { $ref: ../parts/mode.json } } } } } } }
operations: { receiveM: { action: receive, channel: { $ref: "#/channels/c" } } }
`,
      'feed/parts/mode.json': JSON.stringify(mode),
    })
    const rest = await convertBuilt(['rest/api/x.yaml', '--root', 'rest'], folder)
    expect(rest.root).toBeUndefined()
    expect(property(rest, 'mode')).toMatchObject(mode)
    const feed = await convertBuilt(['feed/api/x.yaml', '--root', 'feed'], folder)
    expect(JSON.stringify(property(feed, 'message'))).toContain('"On","Off"')
    const soap = await convertBuilt(['onvif/wsdl/device.wsdl', '--root', 'onvif'], folder)
    expect(property(soap, 'Mode')).toEqual(mode)
  })

  test('outside the root that is named are refused, and the report says what it costs', async () => {
    const view = await convertBuilt(['onvif/wsdl/device.wsdl', '--root', 'onvif/wsdl'], folder)
    expect(view.notes).toMatchObject([
      { code: 'document_refused', reason: expect.stringContaining(join(folder, 'onvif')) },
      {
        code: 'reference_unresolved',
        reason: expect.stringContaining('since "../schema/t.xsd" could not be read'),
      },
    ])
  })

  test.each([
    ['what is no description', '../../notes.txt'],
    ['hidden files', '../../.aws/config.json'],
    ['hidden folders', '../../.config/x.yaml'],
    ['links out of the project', '../parts/link.yaml'],
    ['what stands beside everything else', '../../../outside.yaml'],
    ['absolute paths', '/etc/x.yaml'],
    ['file URLs', 'file:///etc/x.yaml'],
  ])('never: %s', async (_, reference) => {
    await write({
      'safe/a/b/api/x.yaml': openapi(reference),
      'safe/a/notes.txt': 'enum: [leaked]',
      'safe/a/.aws/config.json': '{"enum":["leaked"]}',
      'safe/a/.config/x.yaml': 'enum: [leaked]',
      'safe/outside.yaml': 'enum: [leaked]',
      'elsewhere/target.yaml': 'enum: [leaked]',
      'safe/a/b/parts/other.yaml': 'enum: [other]',
    })
    await symlink(
      join(folder, 'elsewhere/target.yaml'),
      join(folder, 'safe/a/b/parts/link.yaml'),
    ).catch(() => undefined)
    const own = reference.startsWith('../../../') ? ['--root', 'safe/a/b'] : []
    const view = await convertBuilt(['safe/a/b/api/x.yaml', ...own], folder)
    expect(JSON.stringify(view)).not.toContain('leaked')
    expect(JSON.stringify([...view.notes, ...view.skipped])).toContain('document_refused')
  })

  test('and the folder for temporary files is no project', async () => {
    const view = await convertBuilt([join(folder, 'up.yaml')], folder).catch(() => undefined)
    expect(view).toBeUndefined()
    await write({ 'up.yaml': openapi(`../sallyport-${process.pid}.yaml`) })
    const beside = join(tmpdir(), `sallyport-${process.pid}.yaml`)
    await writeFile(beside, 'enum: [leaked]')
    const found = await convertBuilt(['up.yaml'], folder)
    await rm(beside)
    expect(JSON.stringify(found)).not.toContain('leaked')
  })

  test('a kind without such files takes no root', async () => {
    await write({ 'x.graphql': 'type Query { a: Int }' })
    const { code, stderr } = await runBuilt(
      ['convert', 'x.graphql', '--base-url', 'http://127.0.0.1:9', '--root', '.'],
      folder,
    )
    expect(code).toBe(1)
    expect(stderr).toContain('takes no --root')
  })
})

const wsdl = (schema: string): string =>
  `<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:d="urn:d" targetNamespace="urn:d"
  xmlns:xmime="http://www.w3.org/2005/05/xmlmime" xmlns:wsa="http://www.w3.org/2005/08/addressing" xmlns:wsa4="http://schemas.xmlsoap.org/ws/2004/08/addressing" xmlns:xop="http://www.w3.org/2004/08/xop/include" xmlns:e11="http://schemas.xmlsoap.org/soap/envelope/" xmlns:e12="http://www.w3.org/2003/05/soap-envelope" xmlns:enc="http://schemas.xmlsoap.org/soap/encoding/">
<types><xs:schema targetNamespace="urn:d" elementFormDefault="qualified">${schema}</xs:schema></types>
<message name="in"><part name="p" element="d:In"/></message><portType name="P"><operation name="Do"><input message="d:in"/></operation></portType>
<binding name="B" type="d:P"><soap:binding transport="http://schemas.xmlsoap.org/soap/http"/><operation name="Do"><soap:operation soapAction="x"/><input><soap:body use="literal"/></input></operation></binding>
<service name="S"><port name="P1" binding="d:B"><soap:address location="http://127.0.0.1:9/x"/></port></service></definitions>`
const input = (inside: string): string =>
  `<xs:element name="In"><xs:complexType>${inside}</xs:complexType></xs:element>`

describe('schemas that everybody imports', () => {
  test('are known, with an address of their makers, a file that is not there, or none', async () => {
    const imports = [
      ['http://www.w3.org/2005/05/xmlmime', 'http://www.w3.org/2005/05/xmlmime'],
      ['http://www.w3.org/2005/08/addressing', 'ws-addr.xsd'],
      ['http://schemas.xmlsoap.org/ws/2004/08/addressing', undefined],
      ['http://www.w3.org/2004/08/xop/include', 'http://www.w3.org/2004/08/xop/include'],
      ['http://www.w3.org/XML/1998/namespace', 'http://www.w3.org/2001/xml.xsd'],
      ['http://schemas.xmlsoap.org/soap/envelope/', undefined],
      ['http://www.w3.org/2003/05/soap-envelope', '../soap12.xsd'],
      ['http://schemas.xmlsoap.org/soap/encoding/', undefined],
      ['http://www.w3.org/2003/05/soap-encoding', undefined],
      ['http://schemas.xmlsoap.org/wsdl/', undefined],
      ['http://www.w3.org/2001/XMLSchema', undefined],
    ].map(
      ([namespace, place]) =>
        `<xs:import namespace="${namespace}"${place === undefined ? '' : ` schemaLocation="${place}"`}/>`,
    )
    await write({
      'known/d.wsdl': wsdl(
        imports.join('') +
          input(
            `<xs:sequence><xs:element name="photo" type="xmime:base64Binary"/><xs:element name="to" type="wsa:EndpointReferenceType"/><xs:element name="old" type="wsa4:EndpointReferenceType"/><xs:element ref="xop:Include"/><xs:element name="f11" type="e11:Fault"/><xs:element name="f12" type="e12:Fault"/></xs:sequence><xs:attributeGroup ref="xml:specialAttrs"/><xs:attribute ref="e11:mustUnderstand"/><xs:attributeGroup ref="enc:commonAttributes"/>`,
          ),
      ),
    })
    const view = await convertBuilt(['known/d.wsdl'], folder)
    expect(view.notes).toEqual([])
    const text = JSON.stringify(view.tools[0]?.inputSchema)
    for (const name of ['contentType', 'Address', 'href', 'faultcode', 'Subcode', 'lang', 'space'])
      expect(text, name).toContain(`"${name}"`)
    expect(text).not.toContain('not described')
  })

  test('and one that is not is missed once, however many point at it', async () => {
    const lost = ['lost.xsd', './lost.xsd', 'deep/../lost.xsd']
    await write({
      'lost/d.wsdl': wsdl(
        lost.map((place) => `<xs:import namespace="urn:l" schemaLocation="${place}"/>`).join('') +
          input('<xs:sequence><xs:element name="a" type="l:A" xmlns:l="urn:l"/></xs:sequence>'),
      ),
    })
    const { notes } = await convertBuilt(['lost/d.wsdl'], folder)
    expect(notes.map(({ code }) => code)).toEqual(['document_unreadable', 'reference_unresolved'])
    expect(notes[1]?.reason).toContain('since "lost.xsd" could not be read')
  })
})

describe('document types', () => {
  const schema = (doctype: string, name = 'On'): string =>
    `${doctype}<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t"><xs:simpleType name="Mode"><xs:restriction base="xs:string"><xs:enumeration value="${name}"/><xs:enumeration value="Off"/></xs:restriction></xs:simpleType></xs:schema>`
  const device = wsdl(
    `<xs:import namespace="urn:t" schemaLocation="t.xsd"/>${input('<xs:sequence><xs:element name="Mode" type="t:Mode" xmlns:t="urn:t"/></xs:sequence>')}`,
  )

  test('without entities are passed over', async () => {
    for (const doctype of [
      '<!DOCTYPE xs:schema PUBLIC "-//W3C//DTD XMLSchema 200102//EN" "http://www.w3.org/2001/XMLSchema.dtd" [ <!ENTITY % p ""> <!ATTLIST xs:schema id ID #IMPLIED> ]>',
      '<!DOCTYPE xs:schema SYSTEM "XMLSchema.dtd">',
    ]) {
      await write({ 'doctype/d.wsdl': device, 'doctype/t.xsd': schema(doctype) })
      const view = await convertBuilt(['doctype/d.wsdl'], folder)
      expect(view.notes).toEqual([])
      expect(property(view, 'Mode')).toEqual({ type: 'string', enum: ['On', 'Off'] })
    }
  })

  test('with entities are refused, and nothing is expanded or fetched', async () => {
    for (const [doctype, name] of [
      ['<!DOCTYPE x [ <!ENTITY a "leaked"> ]>', '&a;'],
      ['<!DOCTYPE x [ <!ENTITY a SYSTEM "file:///etc/hostname"> ]>', 'On'],
      ['<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">', '&a;'],
    ] as const) {
      await write({ 'doctype/d.wsdl': device, 'doctype/t.xsd': schema(doctype, name) })
      const view = await convertBuilt(['doctype/d.wsdl'], folder)
      expect(view.notes[0]?.code).toBe('description_invalid')
      expect(JSON.stringify(view)).not.toContain('leaked')
    }
  })
})
