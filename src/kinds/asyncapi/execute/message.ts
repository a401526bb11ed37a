/** Messages that came, as raw JSON and as a value. */
import { exactNumbers } from '../../../kit/exact-numbers.ts'
import { JsonFault, scanObject } from '../../../kit/json-scan.ts'
import type { AsyncApiPlan } from '../../../model/kinds/asyncapi.ts'
import { fits } from './fit.ts'

const depthMax = 200

export interface Came {
  /** JSON, as it was sent. */
  readonly raw: string
  readonly value: unknown
}

/** Undefined for what is not of the form that the description names. */
export function read(plan: AsyncApiPlan, text: string): Came | undefined {
  if (!plan.json) return { raw: JSON.stringify(text), value: text }
  try {
    // Bounds the depth before the engine's parser recurses.
    if (/^\s*\{/.test(text)) scanObject(text, {}, { depthMax, refuseDuplicates: false })
    return { raw: text.trim(), value: JSON.parse(text, exactNumbers) }
  } catch (thrown) {
    if (
      thrown instanceof SyntaxError ||
      thrown instanceof JsonFault ||
      thrown instanceof RangeError
    )
      return undefined
    throw thrown
  }
}

/** Whether it is one of the messages of the operation. */
export function wanted({ messages }: AsyncApiPlan, { value }: Came): boolean {
  return messages.length === 0 || messages.some(({ fit }) => fits(fit, value))
}
