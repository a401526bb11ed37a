import { type Fields, isMany } from '../../../model/kinds/soap-fields.ts'
import { ArgumentFault, type Members, member } from './arguments.ts'

/** What of an object is still to be written. */
export class Pending {
  private readonly values = new Map<string, readonly unknown[]>()
  private readonly written = new Map<string, number>()

  constructor(members: Members, fields: Fields, place: (property: string) => string) {
    for (const [property, field] of fields) {
      const value = member(members, property)
      if (value === undefined) continue
      if (isMany(field) && !Array.isArray(value))
        throw new ArgumentFault(place(property), 'must be an array')
      this.values.set(property, isMany(field) && Array.isArray(value) ? value : [value])
    }
  }

  left(property: string): number {
    return (this.values.get(property)?.length ?? 0) - (this.written.get(property) ?? 0)
  }

  /** The next values, at most `max`, with the index of the first. */
  take(
    property: string,
    max: number | null,
  ): { readonly from: number; readonly values: readonly unknown[] } {
    const from = this.written.get(property) ?? 0
    const values = (this.values.get(property) ?? []).slice(
      from,
      max === null ? undefined : from + max,
    )
    this.written.set(property, from + values.length)
    return { from, values }
  }

  remaining(): string | undefined {
    return [...this.values.keys()].find((property) => this.left(property) > 0)
  }
}
