// What a client process is told on stdin, and what it answers on stdout.
import { z } from 'zod'

const call = z.object({
  id: z.string(),
  tool: z.string(),
  args: z.record(z.string(), z.unknown()),
  /** Reads the page that the tool names for its user interface, instead of calling it. */
  page: z.boolean(),
})

export const job = z.object({
  /** The endpoint for Streamable HTTP. */
  url: z.string(),
  /** The endpoint of the 2024-11-05 HTTP+SSE pair. */
  sse: z.string(),
  key: z.string(),
  calls: z.array(call),
})

export const outcome = z.object({
  tools: z.array(z.string()),
  calls: z.record(z.string(), z.object({ ok: z.boolean(), text: z.string() })),
})

export type Job = z.infer<typeof job>
export type Call = z.infer<typeof call>
export type Outcome = z.infer<typeof outcome>

/** Begins the one line of stdout that holds the outcome; clients may print what they like beside it. */
export const OUTCOME_MARK = '@outcome '
