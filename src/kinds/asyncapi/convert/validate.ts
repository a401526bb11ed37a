/**
 * The official JSON Schema of AsyncAPI says what of a description is wrong. That is told and nothing more: what can be
 * read is converted all the same.
 */

import { Ajv, type ValidateFunction } from 'ajv'
import { namedBy } from '../../../kit/json-pointer.ts'
import type { Documents } from '../../document/documents.ts'
import { isObject } from '../../document/json.ts'
import { type Place, placeIn } from '../../document/place.ts'
import type { Reporter } from '../../document/report.ts'
import type { Version } from './operation.ts'

/** Within a major version each schema only adds to the one before. */
const newest = { 2: '2.6.0', 3: '3.1.0' } as const

export async function validate(
  documents: Documents,
  version: Version,
  reporter: Reporter,
): Promise<void> {
  const { root } = documents
  if (!isObject(root.value)) return
  const check = await checkOf(version)
  if (check({ ...root.value, asyncapi: newest[version] })) return
  // Of the alternatives of a schema all that fail are told; the deepest place is the one that was meant.
  const [first, ...others] = check.errors ?? []
  if (first === undefined) return
  const deepest = others.reduce(
    (best, error) => (depthOf(error.instancePath) > depthOf(best.instancePath) ? error : best),
    first,
  )
  reporter.note(
    'description_invalid',
    `The description does not keep to AsyncAPI ${version}: it ${deepest.message ?? 'is not valid'}.`,
    placeOf(root.at, deepest.instancePath),
  )
}

/** Compiling takes half a second; what a process compiled once it keeps. */
const checks = new Map<Version, ValidateFunction>()

async function checkOf(version: Version): Promise<ValidateFunction> {
  const known = checks.get(version)
  if (known !== undefined) return known
  const schema = await schemaOf(version)
  const ajv = new Ajv({ strict: false, logger: false, validateFormats: false })
  const check = ajv.compile(schema)
  checks.set(version, check)
  return check
}

async function schemaOf(version: Version): Promise<object> {
  const module =
    version === 2
      ? await import('@asyncapi/specs/schemas/2.6.0-without-$id.json', { with: { type: 'json' } })
      : await import('@asyncapi/specs/schemas/3.1.0-without-$id.json', { with: { type: 'json' } })
  return module.default
}

const depthOf = (pointer: string): number => pointer.split('/').length

function placeOf(root: Place, pointer: string): Place {
  return pointer.split('/').slice(1).map(namedBy).reduce(placeIn, root)
}
