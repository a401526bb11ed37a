/**
 * Typed rooms: each room hands on a value that only it can make, so a flow that skips or
 * reorders a room does not compile (`test/types/` shows it). The brand exists in the type only.
 */
import type { Action } from './action.ts'
import type { Presented } from './presented.ts'
import type { Reply } from './reply.ts'
import type { Target } from './target.ts'

declare const proof: unique symbol
type Proof<Name extends string> = { readonly [proof]: { readonly [N in Name]: true } }

interface Judged<A extends Action> {
  readonly action: A
  readonly target: Target
  /** Which rule allowed it, e.g. `support: allow crm/*`. */
  readonly rule: string
}

/** Made only by `policy/authorize.ts`. */
export type Permitted<A extends Action = Action> = Judged<A> & Proof<'permitted'>
/** Made only by `limits/admit.ts`. `release` gives back what was reserved; calling it twice does nothing. */
export type Admitted<A extends Action = Action> = Judged<A> & {
  readonly release: () => void
} & Proof<'permitted' | 'admitted'>
/** Made only by `guard/inspect.ts`: the arguments may leave. */
export type Inspected<A extends Action = Action> = Judged<A> &
  Proof<'permitted' | 'admitted' | 'inspected'>
/** Made only by `credential/attach.ts`: with what is presented upstream. */
export type Attached<A extends Action = Action> = Judged<A> & {
  readonly presented: Presented
} & Proof<'permitted' | 'admitted' | 'inspected' | 'attached'>
/** Made only by `record/record.ts`: the intent is durable. `send` takes nothing less. */
export type Recorded<A extends Action = Action> = Judged<A> & {
  readonly presented: Presented
  readonly startedAt: number
} & Proof<'permitted' | 'admitted' | 'inspected' | 'attached' | 'recorded'>
/** Made only by `record/record.ts`: who listens to what is on record. `ListenHub.watch` takes nothing less. */
export type Watchable<A extends Action = Action> = Judged<A> &
  Proof<'permitted' | 'admitted' | 'watched'>
/** Made only by `guard/inspect.ts`: a reply that may leave. `encode` takes nothing less. */
export type Released = { readonly reply: Reply } & Proof<'released'>
