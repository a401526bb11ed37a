/** What servers and compilers leave out of descriptors, and what of newer and older files must not be lost. */
import { readFileSync } from 'node:fs'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  FieldDescriptorProto_Type as FieldType,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt'
import { describe, expect, test } from 'vitest'
import { documentOf, fixture, readBeside } from '../../../../test/apis/soap-tools.ts'
import type { Conversion, Document } from '../../../model/conversion.ts'
import { type GrpcCommon, type GrpcPlan, grpcSpec } from '../../../model/kinds/grpc.ts'
import { ArgumentFault, decodeMessage, encodeMessage } from '../execute/messages.ts'
import { convertGrpc } from './convert.ts'

type Converted = Conversion<GrpcPlan, GrpcCommon>
const spec = grpcSpec.parse({ address: 'x:1' })

const convertFile = (name: string): Promise<Converted> =>
  convertGrpc(grpcSpec.parse({ address: 'x:1', proto: name }), documentOf(name), readBeside)

function convertSet(bytes: Uint8Array): Promise<Converted> {
  const text = Buffer.from(bytes).toString('base64')
  const document: Document = { location: 'set.pb', text, base64: true, mediaType: undefined }
  return convertGrpc(spec, document, () => Promise.reject(new Error('nothing else is there')))
}

function propertiesOf({ tools }: Converted, name: string): readonly string[] {
  const { inputSchema } = tools.find(({ definition }) => definition.name === name)?.definition ?? {}
  return Object.keys(Object(Reflect.get(Object(inputSchema), 'properties')))
}

/** As grpcio of Python sends it by reflection: no field has a name in JSON. */
const python = Buffer.from(readFileSync(fixture('grpc/lab.python.b64'), 'utf8'), 'base64')

describe('descriptors that leave out what can be told', () => {
  test('without names in JSON become the same tools', async () => {
    const file = fromBinary(FileDescriptorProtoSchema, python)
    const named = file.messageType.flatMap(({ field }) =>
      field.flatMap(({ jsonName }) => jsonName || []),
    )
    expect(named).toEqual(['renamed'])
    const set = create(FileDescriptorSetSchema, { file: [file] })
    const bare = await convertSet(toBinary(FileDescriptorSetSchema, set))
    const whole = await convertFile(fixture('grpc/lab.proto'))
    for (const { definition } of whole.tools)
      expect(propertiesOf(bare, definition.name), definition.name).toEqual(
        propertiesOf(whole, definition.name),
      )
    expect(propertiesOf(bare, 'count')).toEqual(['to', 'pauseMs'])
  })

  test('names are looked up from the inside to the outside, and kinds by what they name', async () => {
    const file = create(FileDescriptorProtoSchema, {
      name: 'scoped.proto',
      package: 'a.b',
      syntax: 'proto3',
      enumType: [{ name: 'Colour', value: [{ name: 'RED', number: 0 }] }],
      messageType: [
        {
          name: 'Ask',
          field: [
            { name: 'inner_one', number: 1, typeName: 'Inner', label: 1 },
            {
              name: 'outer_one',
              number: 2,
              typeName: 'b.Inner',
              type: FieldType.MESSAGE,
              label: 1,
            },
            { name: 'colour', number: 3, typeName: 'Colour', label: 1 },
          ],
          nestedType: [
            {
              name: 'Inner',
              field: [{ name: 'near_by', number: 1, type: FieldType.STRING, label: 1 }],
            },
          ],
        },
        {
          name: 'Inner',
          field: [{ name: 'far_off', number: 1, type: FieldType.STRING, label: 1 }],
        },
      ],
      service: [{ name: 'S', method: [{ name: 'Do', inputType: 'Ask', outputType: 'b.Ask' }] }],
    })
    const set = create(FileDescriptorSetSchema, { file: [file] })
    const { tools, skipped } = await convertSet(toBinary(FileDescriptorSetSchema, set))
    expect(skipped).toEqual([])
    expect(tools[0]?.definition.inputSchema['properties']).toMatchObject({
      innerOne: { properties: { nearBy: { type: 'string' } } },
      outerOne: { properties: { farOff: { type: 'string' } } },
      colour: { enum: ['RED'] },
    })
  })
})

test.each(['proto2-rules.pb', 'proto2-own.proto'])(
  'extensions in %s refuse nothing, and are not shown',
  async (name) => {
    const path = fixture(`grpc/${name}`)
    const converted = name.endsWith('.pb')
      ? await convertSet(readFileSync(path))
      : await convertFile(path)
    expect(converted.tools.map(({ definition }) => definition.name)).toEqual(['do'])
    expect(propertiesOf(converted, 'do')).toEqual(['a'])
  },
)

describe('a file of edition 2023', () => {
  test('keeps its features on the wire', async () => {
    const { tools, common } = await convertFile(fixture('grpc/delimited.proto'))
    const plan = tools[0]?.plan
    if (plan === undefined) throw new Error('no tool')
    const args = '{"grouped":{"word":"a"},"plain":{"word":"b"},"spread":[1,2],"bare":0,"ratio":1.1}'
    const bytes = encodeMessage(plan, common, args)
    // Field 1 is a group (3 and 4), field 2 has a length (2), field 3 is not packed, field 4 is its default.
    expect(bytes.toString('hex')).toBe('0b0a01610c12030a01621801180' + '22dcdcc8c3f')
    // A 32-bit float comes back with the digits that it was given with.
    expect(JSON.parse(decodeMessage(plan, common, bytes))).toMatchObject({
      grouped: { word: 'a' },
      ratio: 1.1,
    })
  })
})

test('numbers in arguments keep their digits, or are refused with a sentence', async () => {
  const { tools, common } = await convertFile(fixture('grpc/lab.proto'))
  const plan = tools.find(({ definition }) => definition.name === 'echo')?.plan
  if (plan === undefined) throw new Error('no tool')
  const echo = (args: string): unknown =>
    JSON.parse(decodeMessage(plan, common, encodeMessage(plan, common, args)))
  expect(echo('{"big":9223372036854775807,"real":1.50}')).toMatchObject({
    big: '9223372036854775807',
    real: 1.5,
  })
  for (const args of ['{"real":0.12345678901234567890}', '{"real":12345678901234567890}'])
    expect(() => encodeMessage(plan, common, args), args).toThrow(ArgumentFault)
})
