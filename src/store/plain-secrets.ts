/** Finds secrets that stand in a server's spec as they are, instead of as references. */
import { z } from 'zod'

const telling =
  /authorization|cookie|token|secret|password|passwd|credential|api[-_]?key|private[-_]?key/i
const texts = z.record(z.string(), z.string()).catch({})
const parts = z.object({
  credential: z.object({ bearer: z.string(), value: z.string() }).partial().catch({}),
  stdio: z.object({ env: texts }).catch({ env: {} }),
  http: z.object({ headers: texts }).catch({ headers: {} }),
})

/** Dotted paths of credentials, and of variables and headers with a telling name, that hold no reference. */
export function plainSecrets(server: unknown): string[] {
  const { credential, stdio, http } = parts.parse(server)
  const candidates: [string, string | undefined][] = [
    ['credential.bearer', credential.bearer],
    ['credential.value', credential.value],
  ]
  for (const [path, values] of [
    ['stdio.env', stdio.env],
    ['http.headers', http.headers],
  ] as const)
    for (const [name, value] of Object.entries(values))
      if (telling.test(name)) candidates.push([`${path}.${name}`, value])
  return candidates
    .filter(([, value]) => value !== undefined && !isReference(value))
    .map(([path]) => path)
}

function isReference(value: string): boolean {
  return value.startsWith('file:') || /(?<!\$)\$\{/.test(value)
}
