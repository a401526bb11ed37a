/** Looking into parsed JSON that a stranger wrote: only own members, never a cast. */

export type JsonObject = { readonly [key: string]: unknown }
export type JsonDraft = { [key: string]: unknown }

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** An own member: `constructor` and `__proto__` of Object are none. */
export function memberOf(value: unknown, key: string): unknown {
  return isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
}

export function objectAt(value: unknown, key: string): JsonObject | undefined {
  const member = memberOf(value, key)
  return isObject(member) ? member : undefined
}

/** Also the text of a number or boolean: YAML writes `version: 1.0` and `description: 42`. */
export function textAt(value: unknown, key: string): string | undefined {
  const member = memberOf(value, key)
  if (typeof member === 'string') return member
  return typeof member === 'number' || typeof member === 'boolean' ? String(member) : undefined
}

export function listAt(value: unknown, key: string): readonly unknown[] {
  const member = memberOf(value, key)
  return Array.isArray(member) ? member : []
}

export function textsAt(value: unknown, key: string): readonly string[] {
  return listAt(value, key).filter((entry) => typeof entry === 'string')
}

/** Descriptions write booleans as texts now and then. */
export function flagAt(value: unknown, key: string): boolean | undefined {
  const member = memberOf(value, key)
  if (member === true || member === 'true') return true
  return member === false || member === 'false' ? false : undefined
}

export function membersOf(value: unknown): readonly (readonly [string, unknown])[] {
  return isObject(value) ? Object.entries(value) : []
}

/** Assignment to `__proto__` would replace the prototype instead of adding a member. */
export function setMember(target: JsonDraft, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(target, key, {
      value,
      configurable: true,
      enumerable: true,
      writable: true,
    })
  else target[key] = value
}

/** Undefined for what JSON cannot say, or what is nested deeper than the engine writes. */
export function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined
  }
}
