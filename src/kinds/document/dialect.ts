/** Which OpenAPI a description is written in. */
import { ConversionFault } from '../../model/conversion.ts'
import { type JsonObject, memberOf, textAt } from './json.ts'

/** 3.2 differs from 3.1 only by what it adds. */
export type Dialect = '2.0' | '3.0' | '3.1'

/** @throws ConversionFault version_unknown, description_invalid */
export function dialectOf(root: JsonObject): Dialect {
  const openapi = textAt(root, 'openapi')
  const swagger = textAt(root, 'swagger')
  if (openapi !== undefined) {
    // YAML reads an unquoted 3.0 as the number 3.
    if (/^3(\.0(\.|$|-)|$)/.test(openapi)) return '3.0'
    if (/^3\.[12](\.|$|-)/.test(openapi)) return '3.1'
    // Generators wrote `openapi: "2.0"` for Swagger.
    if (/^2(\.0)?$/.test(openapi)) return '2.0'
    throw unknown(`OpenAPI ${openapi}`, '#/openapi')
  }
  if (swagger !== undefined) {
    if (/^2(\.0|$)/.test(swagger)) return '2.0'
    if (/^3\.0/.test(swagger)) return '3.0'
    throw unknown(`Swagger ${swagger}`, '#/swagger')
  }
  if (memberOf(root, 'swaggerVersion') !== undefined)
    throw unknown(`Swagger ${textAt(root, 'swaggerVersion') ?? ''}`, '#/swaggerVersion')
  if (memberOf(root, 'asyncapi') !== undefined)
    throw new ConversionFault(
      'description_invalid',
      'It is an AsyncAPI description: register it as kind asyncapi.',
      '#/asyncapi',
    )
  throw new ConversionFault(
    'description_invalid',
    'It has neither `openapi` nor `swagger`: it is no OpenAPI description.',
    '#',
  )
}

function unknown(what: string, place: string): ConversionFault {
  const version = what.slice(0, 60)
  return new ConversionFault(
    'version_unknown',
    `${version} is not supported; 2.0, 3.0, 3.1 and 3.2 are.`,
    place,
  )
}
