/** Members that are almost what the specification calls them: `paramters` would be ignored, and nobody would know. */
import { nearest } from '../../../kit/nearest.ts'
import { isObject, membersOf } from '../../document/json.ts'
import { placeIn, type Spot } from '../../document/place.ts'
import type { Reporter } from '../../document/report.ts'

/** Fixed fields of the objects that operations are made of, of 2.0 and 3.x together. */
const fields = {
  'a path item': [
    ...['$ref', 'summary', 'description', 'servers', 'parameters', 'additionalOperations'],
    ...['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace', 'query'],
  ],
  'an operation': [
    ...['tags', 'summary', 'description', 'externalDocs', 'operationId', 'parameters'],
    ...['requestBody', 'responses', 'callbacks', 'deprecated', 'security', 'servers'],
    ...['consumes', 'produces', 'schemes'],
  ],
  'a parameter': [
    ...['$ref', 'name', 'in', 'description', 'required', 'deprecated', 'allowEmptyValue', 'style'],
    ...['explode', 'allowReserved', 'schema', 'example', 'examples', 'content', 'type', 'format'],
    ...['items', 'collectionFormat', 'default', 'maximum', 'exclusiveMaximum', 'minimum'],
    ...['exclusiveMinimum', 'maxLength', 'minLength', 'pattern', 'maxItems', 'minItems'],
    ...['uniqueItems', 'enum', 'multipleOf', 'title', 'nullable', 'readOnly', 'properties'],
  ],
  'a request body': ['$ref', 'description', 'content', 'required'],
} as const

const lists = new Map<string, ReadonlySet<string>>(
  Object.entries(fields).map(([what, names]) => [what, new Set<string>(names)]),
)

/** Notes each member that is no field, but looks like one. */
export function checkSpelling(spot: Spot, what: keyof typeof fields, reporter: Reporter): void {
  const known = lists.get(what) ?? new Set()
  for (const [name, value] of membersOf(spot.value)) {
    // An object in a path item is told as a method that there is not.
    if (what === 'a path item' && isObject(value)) continue
    if (known.has(name) || name.startsWith('x-') || name.length > 40) continue
    const meant = nearest(name, fields[what])
    if (meant === undefined) continue
    reporter.note(
      'description_invalid',
      `"${name}" is no member of ${what} and is ignored; "${meant}" is one.`,
      placeIn(spot.at, name),
    )
  }
}
