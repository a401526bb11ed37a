/** The generic form of elements and of content that no schema describes. */
import type { JsonSchema } from '../../../model/conversion.ts'
import type { Direction } from './simple-schema.ts'

export const contentName = 'xml_content'
export const elementName = 'xml_element'
const attributesSchema = {
  type: 'object',
  additionalProperties: { type: 'string' },
  description: 'By name, or by {namespace}name.',
}
const freeChildren = { type: 'array', items: { $ref: `#/$defs/${elementName}` } }
export const freeContent: JsonSchema = {
  description: 'Any content: a value, or an object of attributes, text and child elements.',
  anyOf: [
    { type: ['string', 'number', 'boolean'] },
    {
      type: 'object',
      properties: {
        attributes: attributesSchema,
        text: { type: 'string' },
        children: freeChildren,
      },
      additionalProperties: false,
    },
  ],
}
const freeElement = {
  type: 'object',
  description: 'An XML element of any kind.',
  properties: {
    name: {
      type: 'string',
      pattern: '^[A-Za-z_][A-Za-z0-9_.-]*$',
      description: 'Local name.',
    },
    namespace: { type: 'string' },
    attributes: attributesSchema,
    text: { type: 'string' },
    children: freeChildren,
  },
  required: ['name'],
  additionalProperties: false,
}

/** The names in answers are the service's own affair. */
export function elementSchema(direction: Direction): JsonSchema {
  if (direction === 'in') return freeElement
  const { properties, ...rest } = freeElement
  return { ...rest, properties: { ...properties, name: { type: 'string' } } }
}
