/**
 * What one check may cost, in steps of roughly ten nanoseconds.
 * Schema and arguments come from strangers, and together they can ask for work that grows without
 * end: `$ref` nests double it per level, patterns and unique items multiply it by the input.
 * Compiled checks pay as they go, so that every check ends soon, whatever it was made of.
 */
/** Collecting problems costs memory by the problem, so it gives up earlier. */
const reportSteps = 100_000

let left = 0

/** Thrown out of a check that has used up its budget. */
export class BudgetSpent extends Error {
  constructor() {
    super('the check costs more than it may')
  }
}

/** Starts the budget of one check. */
export function openBudget(steps: number): void {
  left = steps
}

/** Starts the budget of one report. */
export function openReportBudget(): void {
  left = reportSteps
}

export function spend(steps: number): void {
  left -= steps
  if (left < 0) throw new BudgetSpent()
}

/** Pays for keywords that look at every character, item or member of a value. */
export function spendOn(value: unknown, factor: number): void {
  if (typeof value === 'string') spend(factor * (value.length >> 3))
  else if (Array.isArray(value)) spend(factor * value.length)
  else if (typeof value === 'object' && value !== null) {
    let members = 0
    for (const _ in value) members++
    spend(factor * members)
  }
}
