/** Puts the arguments that the gateway fills to those of a caller. Nothing is written anew: members are spliced. */
import { scanObject } from '../../kit/json-scan.ts'
import type { Filled } from '../../model/conversion.ts'

const depthMax = 64

/** `args` is a JSON object that was checked. A fixed argument is never the caller's, also where the schema is open. */
export function withFilled(args: string, filled: Filled | undefined): string {
  if (filled === undefined) return args
  const { fixed, defaults } = filled
  const given = scanObject(args, {}, { depthMax, refuseDuplicates: false })
  const own = given.filter(({ key }) => !Object.hasOwn(fixed, key))
  const names = new Set(own.map(({ key }) => key))
  const added = [
    ...Object.entries(fixed),
    ...Object.entries(defaults).filter(([name]) => !names.has(name)),
  ].map(([name, raw]) => `${JSON.stringify(name)}:${raw}`)
  return `{${[...added, ...own.map(({ keyStart, end }) => args.slice(keyStart, end))].join(',')}}`
}
