/**
 * Stoplight Prism on a free port of loopback, serving the description in the file that is named. It routes and
 * validates as it always does. It answers as `answers` says: with what the description promises, or, for `verdicts`,
 * with which operation was met and what was wrong with it.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pino } from 'pino'

const require = createRequire(import.meta.url)
// Its parts are installed with the command, wherever that lies.
const part = createRequire(require.resolve('@stoplight/prism-cli'))
const { getHttpOperationsFromSpec } = part('@stoplight/prism-http')
const { createServer } = part('@stoplight/prism-http-server')

const [file, kind] = process.argv.slice(2)
const operations = await getHttpOperationsFromSpec(JSON.parse(readFileSync(file, 'utf8')))

const verdicts =
  ({ resource, input }) =>
  () => {
    const violations = input.validations
      .filter(({ severity }) => severity === 0)
      .map(({ location, message }) => `${location?.join('.') ?? ''}: ${message}`.slice(0, 300))
    const operation = `${resource.method.toUpperCase()} ${resource.path}`
    return {
      _tag: 'Right',
      right: {
        statusCode: violations.length === 0 ? 200 : 422,
        headers: { 'content-type': 'application/json' },
        body: { operation, violations },
      },
    }
  }

const server = createServer(operations, {
  components: {
    logger: pino({ level: 'silent', customLevels: { start: 11, success: 21 } }),
    ...(kind === 'answers' ? {} : { mock: verdicts }),
  },
  cors: false,
  config: {
    mock: { dynamic: false },
    checkSecurity: false,
    validateRequest: true,
    validateResponse: false,
    errors: false,
    isProxy: false,
    upstreamProxy: undefined,
  },
})
const address = await server.listen(0, '127.0.0.1')
process.send({ address, operations: operations.length })
process.on('disconnect', () => process.exit(0))
