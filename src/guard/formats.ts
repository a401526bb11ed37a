/**
 * The formats that are checked: those of ajv-formats whose test is linear in the text.
 * The others (`regex`, `url`, `uri-template`, unknown ones) only annotate, as the specification allows.
 */
import { fullFormats } from 'ajv-formats/dist/formats.js'
import { spend } from './budget.ts'

const textFormats = [
  'date',
  'time',
  'date-time',
  'iso-time',
  'iso-date-time',
  'duration',
  'uri',
  'uri-reference',
  'email',
  'hostname',
  'ipv4',
  'ipv6',
  'uuid',
  'json-pointer',
  'json-pointer-uri-fragment',
  'relative-json-pointer',
  'byte',
] as const
const int32Max = 2 ** 31

type TextFormat = (text: string) => boolean
export interface NumberFormat {
  readonly type: 'number'
  readonly validate: (value: number) => boolean
}

/** Every checked format by name. */
export const formats: Readonly<Record<string, TextFormat | NumberFormat>> = {
  ...Object.fromEntries(textFormats.map((name) => [name, metered(textTest(name))])),
  int32: {
    type: 'number',
    validate: (value) => Number.isInteger(value) && value >= -int32Max && value < int32Max,
  },
  int64: { type: 'number', validate: (value) => Number.isInteger(value) },
}

function metered(test: TextFormat): TextFormat {
  return (text) => {
    spend(text.length)
    return test(text)
  }
}

function textTest(name: (typeof textFormats)[number]): TextFormat {
  const format: unknown = fullFormats[name]
  if (format instanceof RegExp) return (text) => format.test(text)
  const test: unknown =
    typeof format === 'object' && format !== null && 'validate' in format ? format.validate : format
  if (typeof test !== 'function') throw new TypeError(`ajv-formats has no test for ${name}`)
  return (text) => Boolean(test(text))
}
