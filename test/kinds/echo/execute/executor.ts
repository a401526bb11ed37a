import { jsonAnswer } from '../../../../src/kinds/api/answer.ts'
import type { Executor, ExecutorOptions } from '../../../../src/kinds/api/executor.ts'
import { HttpFault, httpExchange } from '../../../../src/kinds/api/http-exchange.ts'
import type { EchoPlan, EchoSpec } from '../types.ts'

export function createEchoExecutor({
  egress,
}: ExecutorOptions<EchoSpec>): Executor<EchoPlan, undefined> {
  return {
    async run({ plan, args, headers, signal }) {
      const pool = egress.pool(new URL(plan.url), { connections: 1 })
      const request = { method: 'POST', path: `/${plan.word}`, headers: { ...headers }, body: args }
      try {
        const { body } = await httpExchange(pool, request, { signal, bytesMax: 1_000_000 })
        return jsonAnswer(body)
      } catch (thrown) {
        throw thrown instanceof HttpFault ? thrown.error : thrown
      } finally {
        await pool.destroy()
      }
    },
    close: async () => undefined,
  }
}
