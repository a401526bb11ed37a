/** Whether a message is one of those that are waited for. No pattern and no format is looked at. */
import type { Fit } from '../../../model/kinds/asyncapi.ts'

/** Of elements that are compared when a caller filters. */
const compareDepthMax = 16

export function fits(fit: Fit, value: unknown): boolean {
  const { types, values, required, properties, all, any } = fit
  if (types !== undefined && !types.some((type) => isOf(type, value))) return false
  if (values !== undefined && !values.includes(JSON.stringify(value) ?? '')) return false
  if (required?.some((name) => memberOf(value, name) === undefined) === true) return false
  if (
    properties !== undefined &&
    !Object.entries(properties).every(([name, inner]) => {
      const member = memberOf(value, name)
      return member === undefined || fits(inner, member)
    })
  )
    return false
  if (all?.every((inner) => fits(inner, value)) === false) return false
  return any?.some((inner) => fits(inner, value)) !== false
}

function isOf(type: string, value: unknown): boolean {
  switch (type) {
    case 'null':
      return value === null
    case 'array':
      return Array.isArray(value)
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value) && !isExact(value)
    case 'integer':
      return (typeof value === 'number' && Number.isInteger(value)) || isExact(value)
    case 'number':
      return typeof value === 'number' || isExact(value)
    case 'string':
      return typeof value === 'string'
    case 'boolean':
      return typeof value === 'boolean'
    default:
      return false
  }
}

/** A number that was kept digit by digit. */
function isExact(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'rawJSON' in value && Object.isFrozen(value)
}

export function memberOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? Object.getOwnPropertyDescriptor(value, key)?.value
    : undefined
}

/** What lies at the end of a path of keys. */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(memberOf, value)
}

/** Whether a value has the members that are wanted, however deep; lists must be equal. */
export function holds(value: unknown, wanted: unknown, depth = 0): boolean {
  if (depth > compareDepthMax) return false
  if (typeof wanted !== 'object' || wanted === null || Array.isArray(wanted) || isExact(wanted))
    return JSON.stringify(value) === JSON.stringify(wanted)
  return Object.entries(wanted).every(([key, inner]) => {
    const member = memberOf(value, key)
    return member !== undefined && holds(member, inner, depth + 1)
  })
}
