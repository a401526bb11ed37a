/** Arguments of a SOAP call as values, with the digits of numbers that a double cannot hold. */

/** An argument that cannot be written. The message is for the model that made it. */
export class ArgumentFault extends Error {
  readonly place: string

  constructor(place: string, message: string) {
    super(message)
    this.name = 'ArgumentFault'
    this.place = place
  }
}

/** A number whose digits would not survive as a double. */
export class ExactNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

export type Members = Readonly<Record<string, unknown>>

const digitsMax = 15

export function isMembers(value: unknown): value is Members {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof ExactNumber)
  )
}

/** @throws ArgumentFault when it is no object */
export function parseArguments(json: string): Members {
  const value: unknown = JSON.parse(
    json,
    (_key, parsed: unknown, context?: { source?: string }) => {
      const source = typeof parsed === 'number' ? context?.source : undefined
      const isLong = source !== undefined && source.replaceAll(/\D/g, '').length > digitsMax
      return isLong ? new ExactNumber(source) : parsed
    },
  )
  if (!isMembers(value)) throw new ArgumentFault('', 'the arguments must be an object')
  return value
}

/** A member of its own, never one of the prototype. */
export function member(members: Members, name: string): unknown {
  return Object.hasOwn(members, name) ? members[name] : undefined
}
