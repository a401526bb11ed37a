/** Asks whether a GraphQL service answers at a URL. */
import { z } from 'zod'
import type { Asking } from '../kind.ts'

const bytesMax = 100_000

/** A response of GraphQL (specification section 7.1), to a query that every service answers or refuses in this form. */
const response = z.union([
  z.object({ data: z.object({ __typename: z.string() }) }),
  z.object({ errors: z.array(z.object({ message: z.string() })).min(1) }),
])

/** False when anything else answers, or nobody. */
export async function answersGraphql(
  url: URL,
  { egress, headers, signal }: Asking,
): Promise<boolean> {
  const pool = egress.pool(new URL(url.origin), { connections: 1 })
  try {
    const { body } = await pool.request({
      method: 'POST',
      path: url.pathname + url.search,
      headers: { ...headers, 'content-type': 'application/json', accept: 'application/json' },
      body: '{"query":"{ __typename }"}',
      signal,
    })
    let text = ''
    for await (const chunk of body) {
      text += String(chunk)
      if (text.length > bytesMax) return false
    }
    return response.safeParse(JSON.parse(text)).success
  } catch {
    return false
  } finally {
    await pool.destroy()
  }
}
