/** The entry: parses the command line and runs one command. */
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import pino from 'pino'
import { absolute } from './main/gateway.ts'
import { up } from './main/up.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    config: { type: 'string' },
    data: { type: 'string' },
    port: { type: 'string' },
    host: { type: 'string' },
    'insecure-local': { type: 'boolean' },
  },
})
const here = fileURLToPath(new URL('.', import.meta.url))
const log = pino(
  { level: process.env['SALLYPORT_LOG'] ?? 'info' },
  pino.destination({ fd: 2, sync: false }),
)
if (positionals[0] === 'up') {
  await up({
    gateway: {
      dataDir: absolute(values.data ?? '.sallyport'),
      configFile: values.config === undefined ? undefined : absolute(values.config),
      port: values.port === undefined ? undefined : Number(values.port),
      host: values.host,
      insecureRole: values['insecure-local'] === true ? 'all-tools' : undefined,
      environment: process.env,
      listen: true,
    },
    databaseUrl: process.env['DATABASE_URL'],
    migrations: join(here, import.meta.url.endsWith('.ts') ? 'store/migrations' : 'migrations'),
    resolveFrom: import.meta.url,
    log,
    onReady: (gateway, firstKey) =>
      process.stdout.write(
        `${gateway.endpoint ?? ''}\n${firstKey === undefined ? '' : `first key: ${firstKey}\n`}`,
      ),
    serveAdmin: async () => async () => undefined,
    stopped: new Promise((resolve) => {
      process.once('SIGTERM', resolve)
      process.once('SIGINT', resolve)
    }),
  })
}
