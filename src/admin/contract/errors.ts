/** What the administration answers when it says no. */
import { z } from 'zod'

export const issue = z.object({
  path: z.string().describe('Dotted path of what is wrong, e.g. servers.github.http.url'),
  message: z.string(),
  file: z.string().optional(),
  line: z.number().optional().describe('One-based'),
  column: z.number().optional(),
})

export const errorBody = z.object({
  error: z.object({
    code: z
      .string()
      .describe(
        'Stable: a refusal of the gateway (docs/errors.md), or invalid, not_found, declared, exists, in_use, built_in, unusable, away, not_yet',
      ),
    message: z.string(),
    wayOut: z.string().describe('What to do about it'),
    issues: z.array(issue).optional(),
  }),
})

export type IssueView = z.output<typeof issue>

/** A refusal or failure with a way out: answered by the administration, or met on the way to it. */
export class AdminError extends Error {
  readonly code: string
  readonly wayOut: string
  readonly issues: readonly IssueView[]

  constructor(
    code: string,
    message: string,
    wayOut: string,
    options: { readonly issues?: readonly IssueView[]; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AdminError'
    this.code = code
    this.wayOut = wayOut
    this.issues = options.issues ?? []
  }
}

/** Said of a path that this version does not have; another version may. */
export function nothingAt(method: string, path: string): string {
  return `There is nothing at ${method} ${path.split('?')[0] ?? ''}.`
}

/** The body of an answer for an error. */
export function bodyOf(error: AdminError): z.output<typeof errorBody> {
  const { code, message, wayOut, issues } = error
  return {
    error: { code, message, wayOut, ...(issues.length === 0 ? {} : { issues: [...issues] }) },
  }
}
