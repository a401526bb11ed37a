import { type Command, Option } from 'commander'
import { z } from 'zod'
import { define, type Run, UsageError } from './command.ts'

const loopback = /^(localhost|127(\.\d{1,3}){3}|\[?::1\]?)$/

const values = z.object({
  host: z.string().optional(),
  port: z.coerce
    .number('must be a number')
    .int()
    .min(0, 'must be from 0 to 65535')
    .max(65_535, 'must be from 0 to 65535')
    .optional(),
  insecureLocal: z.boolean().default(false),
  role: z.string().optional(),
})

export function upCommand(program: Command, run: Run): void {
  define(program, run, {
    name: 'up',
    summary: 'Start the gateway; prints the endpoint and, the first time, a key',
    examples: ['sallyport up', 'sallyport up --config sallyport.yaml --port 8470'],
    options: [
      new Option('--host <host>', 'address to listen on'),
      new Option('--port <port>', 'port to listen on'),
      new Option('--insecure-local', 'let callers on this machine in without a key'),
      new Option('--role <role>', 'the role that they act in (default: all-tools)'),
    ],
    values,
    run: async ({ ports, place, out }, _args, { host, port, insecureLocal, role }) => {
      if (role !== undefined && !insecureLocal)
        throw new UsageError(
          '--role belongs to --insecure-local.',
          'Keys get roles with "sallyport keys create NAME --role ROLE".',
        )
      if (insecureLocal && host !== undefined && !loopback.test(host))
        throw new UsageError(
          '--insecure-local works on this machine only.',
          'Leave --host out, or leave --insecure-local out and use keys.',
        )
      const local = insecureLocal ? (role ?? 'all-tools') : undefined
      return ports.up({ ...place, host, port, insecureLocal: local, json: out.json })
    },
  })
}
