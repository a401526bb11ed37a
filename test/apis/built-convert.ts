/** Converts by the built product, as people do. */
import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import { z } from 'zod'
import { builtProgram } from '../built.ts'

const report = z.object({
  operation: z.string(),
  code: z.string(),
  reason: z.string(),
  place: z.string(),
})

export const convertedView = z.object({
  kind: z.string(),
  operations: z.number(),
  root: z.string().optional(),
  skipped: z.array(report),
  notes: z.array(report),
  tools: z.array(
    z.object({
      name: z.string(),
      operation: z.string(),
      description: z.string().optional(),
      inputSchema: z.record(z.string(), z.unknown()),
      outputSchema: z.record(z.string(), z.unknown()).optional(),
      annotations: z.record(z.string(), z.unknown()).optional(),
    }),
  ),
})
export type ConvertedView = z.infer<typeof convertedView>

/** `sallyport ARGS`, with all it wrote. */
export async function runBuilt(
  args: readonly string[],
  cwd: string,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [builtProgram, ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', NODE_NO_WARNINGS: '1' },
  })
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { code, stdout, stderr }
}

/** `sallyport convert ARGS --json`. */
export async function convertBuilt(args: readonly string[], cwd: string): Promise<ConvertedView> {
  const { stdout, stderr } = await runBuilt(['convert', ...args, '--json'], cwd)
  if (!stdout.startsWith('{')) throw new Error(`it did not convert: ${stderr}`)
  return convertedView.parse(JSON.parse(stdout))
}
