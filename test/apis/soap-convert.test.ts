/** What descriptions by others become, and what broken and hostile ones get. */
import { readdirSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { convertSoap } from '../../src/kinds/soap/convert/convert.ts'
import { type Conversion, ConversionFault, conversionCodes } from '../../src/model/conversion.ts'
import {
  type SoapCommon,
  type SoapPlan,
  type SoapSpec,
  soapSpec,
} from '../../src/model/kinds/soap.ts'
import { convertFile, fixture, readBeside } from './soap-tools.ts'

const folder = fixture('specs/wsdl')
const corpus = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.wsdl'))
  .sort()
const endpoint = 'http://127.0.0.1:1/'

/** A WSDL with one document/literal operation whose input is the element `In`. */
function wsdlWith(schema: string, more = ''): string {
  return `<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:xs="http://www.w3.org/2001/XMLSchema"
    xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:t="urn:t" targetNamespace="urn:t">
    ${more}<types><xs:schema targetNamespace="urn:t" elementFormDefault="qualified">${schema}</xs:schema></types>
    <message name="In"><part name="p" element="t:In"/></message><message name="Out"/>
    <portType name="P"><operation name="Do"><input message="t:In"/><output message="t:Out"/></operation></portType>
    <binding name="B" type="t:P"><s:binding transport="http://schemas.xmlsoap.org/soap/http"/>
      <operation name="Do"><s:operation soapAction="do"/><input><s:body use="literal"/></input>
      <output><s:body use="literal"/></output></operation></binding>
    <service name="S"><port name="Port" binding="t:B"><s:address location="http://127.0.0.1:1/"/></port></service>
  </definitions>`
}

const complex = (inside: string): string =>
  `<xs:element name="In"><xs:complexType>${inside}</xs:complexType></xs:element>`

function convertText(
  text: string,
  spec: Partial<SoapSpec> = {},
  read = readBeside,
): Promise<Conversion<SoapPlan, SoapCommon>> {
  return convertSoap(
    { ...soapSpec.parse({ wsdl: 'x.wsdl' }), ...spec },
    { location: '/nowhere/x.wsdl', text, mediaType: undefined },
    read,
  )
}

function checked(conversion: Conversion<SoapPlan, SoapCommon>): void {
  const { tools, skipped, notes, operations } = conversion
  expect(tools.length + skipped.length).toBe(operations)
  const names = tools.map(({ definition }) => definition.name)
  expect(new Set(names).size).toBe(names.length)
  for (const { definition } of tools) {
    expect(definition.name).toMatch(/^[A-Za-z0-9_-]{1,64}$/)
    for (const schema of [definition.inputSchema, definition.outputSchema])
      if (schema !== undefined) {
        expect(schema['type']).toBe('object')
        new Ajv2020({ strict: false }).compile(schema)
      }
  }
  for (const { code, reason, place } of [...skipped, ...notes]) {
    expect(Object.keys(conversionCodes)).toContain(code)
    expect(reason).not.toBe('')
    expect(place).not.toBe('')
  }
  // Plain data: it crosses from a worker.
  expect(structuredClone(conversion)).toEqual(conversion)
}

async function inputOf(schema: string): Promise<unknown> {
  const conversion = await convertText(wsdlWith(schema))
  checked(conversion)
  expect(conversion.skipped).toEqual([])
  return conversion.tools[0]?.definition.inputSchema
}

async function faultOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'converted',
    (thrown: unknown) => {
      if (thrown instanceof ConversionFault) return thrown.code
      throw thrown
    },
  )
}

it('the whole corpus converts, or says for each operation why not', async () => {
  expect(corpus.length).toBe(18)
  const skipped: string[] = []
  let operations = 0
  let tools = 0
  for (const path of corpus) {
    const conversion = await convertFile(`${folder}/${path}`, { endpoint })
    checked(conversion)
    operations += conversion.operations
    tools += conversion.tools.length
    skipped.push(...conversion.skipped.map(({ operation, code }) => `${path} ${operation} ${code}`))
  }
  process.stdout.write(
    `  WSDL: ${corpus.length} descriptions, ${operations} operations, ${tools} tools\n`,
  )
  expect({ operations, tools }).toEqual({ operations: 53, tools: 50 })
  expect(skipped).toEqual([
    // An element in another spelling than the one that is declared.
    'builtin_types.wsdl Service.Port.Operation reference_unresolved',
    // Bound, but not in the port type.
    'extended_element.wsdl DummyService.DummyPortType.DummySave reference_unresolved',
    // Its schema is not there.
    'ws-policy.wsdl DummyService.DummyPortType.Dummy reference_unresolved',
  ])
})

it('the golden tools of an order service', async () => {
  const conversion = await convertFile(fixture('soap/orders.wsdl'))
  checked(conversion)
  const json = JSON.stringify(conversion, undefined, 2)
  await expect(`${json.replaceAll(fixture('soap'), '')}\n`).toMatchFileSnapshot(
    fixture('soap/orders.golden.txt'),
  )
  expect(conversion.skipped.map(({ operation, code }) => [operation, code])).toEqual([
    ['OrderService.Soap12.PlaceOrder', 'duplicate'],
    ['OrderService.Soap12.FindOrder', 'duplicate'],
  ])
  const newer = await convertFile(fixture('soap/orders.wsdl'), { version: '1.2' })
  expect(newer.tools.map(({ plan }) => plan.version)).toEqual(['1.2', '1.2'])
  expect(newer.tools.map(({ definition }) => definition.name)).toEqual([
    'place_order',
    'find_order',
  ])
})

describe('schemas', () => {
  it('facets, lists, unions and built-in types', async () => {
    expect(
      await inputOf(
        complex(`<xs:sequence>
          <xs:element name="code" minOccurs="0"><xs:simpleType><xs:restriction base="xs:string">
            <xs:minLength value="2"/><xs:maxLength value="4"/><xs:pattern value="a-c^$|\\-[x\\-y]+"/>
          </xs:restriction></xs:simpleType></xs:element>
          <xs:element name="odd"><xs:simpleType><xs:restriction base="xs:string">
            <xs:pattern value="\\i\\c*"/></xs:restriction></xs:simpleType></xs:element>
          <xs:element name="size"><xs:simpleType><xs:restriction base="xs:int">
            <xs:minInclusive value="1"/><xs:maxExclusive value="9"/></xs:restriction></xs:simpleType></xs:element>
          <xs:element name="level"><xs:simpleType><xs:restriction base="xs:int">
            <xs:enumeration value="1"/><xs:enumeration value="2"/></xs:restriction></xs:simpleType></xs:element>
          <xs:element name="ids"><xs:simpleType><xs:list itemType="xs:int"/></xs:simpleType></xs:element>
          <xs:element name="either"><xs:simpleType><xs:union memberTypes="xs:boolean xs:date"/></xs:simpleType></xs:element>
          <xs:element name="big" type="xs:unsignedLong" nillable="true"/>
        </xs:sequence><xs:attribute name="code" type="xs:token" use="required"/>`),
      ),
    ).toMatchObject({
      additionalProperties: false,
      required: ['odd', 'size', 'level', 'ids', 'either', 'big', 'code_attribute'],
      properties: {
        code: { type: 'string', minLength: 2, maxLength: 4, pattern: '^(?:a-c\\^\\$|-[x\\-y]+)$' },
        odd: { type: 'string' },
        size: { type: 'integer', minimum: 1, exclusiveMaximum: 9 },
        level: { type: 'integer', enum: [1, 2] },
        ids: { type: 'array', items: { type: 'integer' } },
        either: {
          anyOf: [{ type: 'boolean' }, { type: 'string', description: 'xs:date, e.g. 2026-03-01' }],
        },
        big: { type: ['integer', 'string', 'null'], minimum: 0 },
        code_attribute: { type: 'string' },
      },
    })
  })

  it('choices are said in words, repeated groups become lists of their occurrences', async () => {
    expect(
      await inputOf(
        complex(`<xs:sequence><xs:choice><xs:element name="a" type="xs:int"/>
          <xs:sequence><xs:element name="b" type="xs:int"/><xs:element name="c" type="xs:int"/></xs:sequence></xs:choice>
          <xs:sequence minOccurs="0" maxOccurs="3"><xs:element name="x" type="xs:int"/><xs:element name="y" type="xs:int"/></xs:sequence>
          <xs:any minOccurs="0" maxOccurs="unbounded"/></xs:sequence>`),
      ),
    ).toMatchObject({
      description: 'Give exactly one of: a, b with c.',
      properties: {
        a: { type: 'integer' },
        items: {
          type: 'array',
          maxItems: 3,
          items: {
            properties: { x: {}, y: {} },
            required: ['x', 'y'],
            additionalProperties: false,
          },
        },
        any: { type: 'array', items: { $ref: '#/$defs/xml_element' } },
      },
    })
  })

  it('abstract types and substitution groups offer what may stand there', async () => {
    expect(
      await inputOf(
        `<xs:complexType name="Shape" abstract="true"><xs:sequence><xs:element name="id" type="xs:int"/></xs:sequence></xs:complexType>
         <xs:complexType name="Circle"><xs:complexContent><xs:extension base="t:Shape"><xs:sequence>
           <xs:element name="radius" type="xs:double"/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>
         <xs:complexType name="Box"><xs:complexContent><xs:extension base="t:Shape"><xs:sequence>
           <xs:element name="inside" type="t:Shape" minOccurs="0"/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>
         <xs:element name="pay" abstract="true" type="xs:string"/>
         <xs:element name="cash" substitutionGroup="t:pay"/><xs:element name="card" substitutionGroup="t:pay" type="xs:token"/>
         ${complex('<xs:sequence><xs:element name="shape" type="t:Shape"/><xs:element ref="t:pay"/></xs:sequence>')}`,
      ),
    ).toMatchObject({
      properties: {
        shape: {
          anyOf: [
            { $ref: '#/$defs/Circle', required: ['xsi_type'] },
            { $ref: '#/$defs/Box', required: ['xsi_type'] },
          ],
        },
        cash: { type: 'string' },
        card: { type: 'string' },
      },
      $defs: {
        Circle: { properties: { xsi_type: { const: 'Circle' }, id: {}, radius: {} } },
        Box: { properties: { inside: { anyOf: [{}, {}] } } },
      },
    })
  })

  it('groups, attribute groups, references, restrictions, fixed and default values', async () => {
    expect(
      await inputOf(
        `<xs:group name="G"><xs:sequence><xs:element ref="t:note"/></xs:sequence></xs:group>
         <xs:attributeGroup name="A"><xs:attribute name="lang" type="xs:language" default="en"/></xs:attributeGroup>
         <xs:element name="note" type="xs:string"/>
         <xs:complexType name="Base"><xs:sequence><xs:element name="gone" type="xs:int" minOccurs="0"/></xs:sequence>
           <xs:attribute name="kept" type="xs:int"/></xs:complexType>
         <xs:complexType name="Less"><xs:complexContent><xs:restriction base="t:Base"><xs:sequence>
           <xs:group ref="t:G"/><xs:element name="v" type="xs:string" fixed="2"/></xs:sequence>
           <xs:attributeGroup ref="t:A"/></xs:restriction></xs:complexContent></xs:complexType>
         <xs:element name="In" type="t:Less"/>`,
      ),
    ).toMatchObject({
      properties: {
        note: {},
        v: { const: '2' },
        kept: { type: 'integer' },
        lang: { default: 'en' },
      },
      required: ['note'],
    })
  })

  it('recursion ends in $defs, and names that models cannot use are replaced', async () => {
    expect(
      await inputOf(
        `<xs:complexType name="Tree"><xs:sequence><xs:element name="ast-é" type="t:Tree" minOccurs="0" maxOccurs="unbounded"/></xs:sequence></xs:complexType>
         ${complex('<xs:sequence><xs:element name="tree" type="t:Tree"/></xs:sequence>')}`,
      ),
    ).toMatchObject({
      properties: { tree: { $ref: '#/$defs/Tree' } },
      $defs: {
        Tree: { properties: { 'ast-_': { type: 'array', items: { $ref: '#/$defs/Tree' } } } },
      },
    })
  })
})

describe('operations', () => {
  it('other transports, directions and attachments are reported', async () => {
    const text = wsdlWith(complex('<xs:sequence/>'))
    const jms = await convertText(text.replace('/soap/http', '/soap/jms'))
    expect(jms.skipped.map(({ code }) => code)).toEqual(['transport_unsupported'])
    const http = await convertText(text.replaceAll('wsdl/soap/"', 'wsdl/http/"'))
    expect(http.skipped.map(({ code }) => code)).toEqual(['transport_unsupported'])
    const solicit = await convertText(
      text.replace(
        '<input message="t:In"/><output message="t:Out"/>',
        '<output message="t:Out"/><input message="t:In"/>',
      ),
    )
    expect(solicit.skipped.map(({ code }) => code)).toEqual(['feature_unsupported'])
    const mime = await convertText(
      text.replace(
        '<input><s:body use="literal"/></input>',
        '<input><m:multipartRelated xmlns:m="http://schemas.xmlsoap.org/wsdl/mime/"><m:part><s:body use="literal"/></m:part><m:part><m:content part="x" type="image/png"/></m:part></m:multipartRelated></input>',
      ),
    )
    expect(mime.skipped.map(({ code }) => code)).toEqual(['feature_unsupported'])
    for (const conversion of [jms, http, solicit, mime]) checked(conversion)
  })

  it('the configuration chooses service, port, operations and names', async () => {
    const path = `${folder}/multi-service.wsdl`
    const one = await convertFile(path, { service: 'Bye_Service' })
    checked(one)
    expect(one.tools.map(({ definition }) => definition.name)).toEqual([
      'say_bye',
      'say_another_bye',
    ])
    expect(one.skipped.map(({ code }) => code)).toEqual(['excluded'])
    const renamed = await convertFile(path, {
      operations: { include: ['say_*'], exclude: ['say_bye'], rename: { say_hello: 'greet' } },
    })
    checked(renamed)
    expect(renamed.tools.map(({ definition }) => definition.name)).toEqual([
      'greet',
      'say_another_bye',
    ])
  })

  it('an address that is none asks for an endpoint', async () => {
    const path = `${folder}/complex/registration.wsdl`
    const without = await convertFile(path)
    expect(without.skipped.map(({ code, reason }) => [code, reason.includes('endpoint')])).toEqual([
      ['description_invalid', true],
    ])
    const given = await convertFile(path, { endpoint })
    expect(given.tools.map(({ plan }) => plan.endpoint)).toEqual([endpoint])
  })
})

describe('broken and hostile descriptions', () => {
  it('are refused as a whole with a code and a place', async () => {
    const laughs = Array.from(
      { length: 10 },
      (_, index) => `<!ENTITY l${index + 1} "${`&l${index};`.repeat(10)}">`,
    )
    expect(
      await faultOf(
        convertText(
          `<!DOCTYPE d [<!ENTITY l0 "ha">${laughs.join('')}]><definitions>&l10;</definitions>`,
        ),
      ),
    ).toBe('description_invalid')
    expect(
      await faultOf(
        convertText(
          '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><definitions>&x;</definitions>',
        ),
      ),
    ).toBe('description_invalid')
    expect(await faultOf(convertText('openapi: 3.1.0'))).toBe('description_invalid')
    expect(await faultOf(convertText(''))).toBe('description_invalid')
    expect(await faultOf(convertText('<html/>'))).toBe('description_invalid')
    expect(await faultOf(convertText('<definitions><types></definitions>'))).toBe(
      'description_invalid',
    )
    expect(await faultOf(convertText('<description xmlns="http://www.w3.org/ns/wsdl"/>'))).toBe(
      'version_unknown',
    )
    expect(await faultOf(convertText(`<definitions>${'<a>'.repeat(500)}`))).toBe(
      'description_too_large',
    )
    expect(await faultOf(convertText(`<definitions>${' '.repeat(33_000_000)}</definitions>`))).toBe(
      'description_too_large',
    )
  })

  it('imports are asked for and never followed by ourselves; a refusal is a note', async () => {
    const asked: string[] = []
    const text = wsdlWith(
      `<xs:import namespace="urn:x" schemaLocation="file:///etc/passwd"/>
       <xs:include schemaLocation="http://169.254.169.254/latest"/>${complex('<xs:sequence/>')}`,
      '<import namespace="urn:y" location="../../../../etc/shadow"/>',
    )
    const conversion = await convertText(text, {}, (reference) => {
      asked.push(reference)
      return Promise.reject(new ConversionFault('document_refused', 'not allowed', reference))
    })
    checked(conversion)
    expect(asked).toEqual([
      '../../../../etc/shadow',
      'file:///etc/passwd',
      'http://169.254.169.254/latest',
    ])
    expect(conversion.notes.map(({ code }) => code)).toEqual(Array(3).fill('document_refused'))
    expect(conversion.tools).toHaveLength(1)
  })

  it('cyclic imports end, and endless ones are too large', async () => {
    const schema = (next: string): string =>
      `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:include schemaLocation="${next}"/></xs:schema>`
    const text = wsdlWith(`<xs:include schemaLocation="a.xsd"/>${complex('<xs:sequence/>')}`)
    let reads = 0
    const cyclic = await convertText(text, {}, (reference) => {
      reads += 1
      return Promise.resolve({
        location: `/x/${reference}`,
        text: schema(reference === 'a.xsd' ? 'b.xsd' : 'a.xsd'),
        mediaType: undefined,
      })
    })
    expect(cyclic.tools).toHaveLength(1)
    expect(reads).toBeLessThan(5)
    const endless = convertText(text, {}, () => {
      reads += 1
      return Promise.resolve({
        location: `/x/${reads}.xsd`,
        text: schema('next.xsd'),
        mediaType: undefined,
      })
    })
    expect(await faultOf(endless)).toBe('description_too_large')
  })

  it('groups that multiply, types that derive from themselves and very deep types do no harm', async () => {
    const doubling = Array.from(
      { length: 25 },
      (_, index) =>
        `<xs:group name="g${index + 1}"><xs:sequence><xs:group ref="t:g${index}"/><xs:group ref="t:g${index}"/></xs:sequence></xs:group>`,
    )
    const bomb = `<xs:group name="g0"><xs:sequence><xs:element name="e" type="xs:int"/></xs:sequence></xs:group>${doubling.join('')}${complex('<xs:group ref="t:g25"/>')}`
    expect(await faultOf(convertText(wsdlWith(bomb)))).toBe('description_too_large')
    const attributes = Array.from(
      { length: 60 },
      (_, index) =>
        `<xs:attributeGroup name="a${index + 1}"><xs:attributeGroup ref="t:a${index}"/><xs:attributeGroup ref="t:a${index}"/></xs:attributeGroup>`,
    )
    const attributeBomb = `<xs:attributeGroup name="a0"><xs:attribute name="x" type="xs:int"/></xs:attributeGroup>${attributes.join('')}${complex('<xs:attributeGroup ref="t:a60"/>')}`
    expect(await faultOf(convertText(wsdlWith(attributeBomb)))).toBe('description_too_large')
    const unions = Array.from(
      { length: 30 },
      (_, index) =>
        `<xs:simpleType name="u${index + 1}"><xs:union memberTypes="t:u${index} t:u${index}"/></xs:simpleType>`,
    )
    const unionBomb = `<xs:simpleType name="u0"><xs:restriction base="xs:int"/></xs:simpleType>${unions.join('')}<xs:element name="In" type="t:u30"/>`
    const union = await convertText(wsdlWith(unionBomb))
    checked(union)
    expect(JSON.stringify(union).length).toBeLessThan(10_000)
    const loop = `<xs:group name="g"><xs:sequence><xs:group ref="t:g"/></xs:sequence></xs:group>${complex('<xs:group ref="t:g"/>')}`
    expect(await faultOf(convertText(wsdlWith(loop)))).toBe('schema_unusable')
    const own = `<xs:complexType name="A"><xs:complexContent><xs:extension base="t:A"/></xs:complexContent></xs:complexType>
      <xs:simpleType name="S"><xs:restriction base="t:S"/></xs:simpleType>
      ${complex('<xs:sequence><xs:element name="a" type="t:A"/><xs:element name="s" type="t:S"/></xs:sequence>')}`
    const derived = await convertText(wsdlWith(own))
    checked(derived)
    expect(derived.notes.map(({ code }) => code)).toContain('schema_unusable')
    const deep = Array.from(
      { length: 5_000 },
      (_, index) =>
        `<xs:complexType name="T${index}"><xs:sequence><xs:element name="e" type="t:T${index + 1}"/></xs:sequence></xs:complexType>`,
    )
    const chain = await convertText(wsdlWith(`${deep.join('')}<xs:element name="In" type="t:T0"/>`))
    checked(chain)
    expect(chain.notes.map(({ code }) => code)).toContain('schema_unusable')
  })

  it('names that fool objects stay names', async () => {
    const odd = ['__proto__', 'constructor', 'toString', 'hasOwnProperty']
    const schema = await inputOf(
      complex(
        `<xs:sequence>${odd.map((name) => `<xs:element name="${name}" type="xs:int"/>`).join('')}</xs:sequence>`,
      ),
    )
    expect(JSON.parse(JSON.stringify(schema)).required).toEqual(odd)
  })
})
