/**
 * Stoplight Prism on a free port of loopback, serving the description in the file that is named. It routes and
 * validates as it always does; instead of a made-up answer it tells which operation was met and what was wrong with it.
 */
import { readFileSync } from 'node:fs'
import { getHttpOperationsFromSpec } from '@stoplight/prism-http'
import { createServer } from '@stoplight/prism-http-server'
import { pino } from 'pino'

const [file] = process.argv.slice(2)
const operations = await getHttpOperationsFromSpec(JSON.parse(readFileSync(file, 'utf8')))

const mock =
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
  components: { logger: pino({ level: 'silent' }), mock },
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
