/** Limits and toolsets. */
import type { FastifyInstance } from 'fastify'
import { AdminError } from '../contract/errors.ts'
import { addLimit, listLimits, removeLimit } from '../contract/limits.ts'
import { listToolsets, removeToolset, setToolset } from '../contract/toolsets.ts'
import { notFound, readOnly } from '../fault.ts'
import { handle } from '../handle.ts'
import { ofNoServer } from '../of-no-server.ts'
import type { AdminPorts } from '../ports.ts'
import type { Writer } from '../writer.ts'

export function limitRoutes(app: FastifyInstance, ports: AdminPorts, writer: Writer): void {
  handle(app, listLimits, async () => {
    const declared = ports
      .declared()
      .state.limits.map((limit) => ({ origin: 'declared' as const, ...limit }))
    const rows = await ports.store.list('limit')
    const stored = rows.map(({ name, value }) => ({
      id: name,
      origin: 'stored' as const,
      ...addLimit.input.shape.spec.parse(value),
    }))
    return { limits: [...declared, ...stored] }
  })
  handle(app, addLimit, async ({ spec }, given, actor) => {
    if (spec.calls === undefined && spec.concurrent === undefined)
      throw new AdminError(
        'invalid',
        'The limit limits nothing.',
        'Give calls (e.g. 60/minute), concurrent, or both.',
      )
    const warnings = await writer.put(actor, 'limit', '', given.spec)
    return {
      warnings: [...warnings, ...ofNoServer(ports, spec.tool === undefined ? [] : [spec.tool])],
    }
  })
  handle(app, removeLimit, async ({ id }, _given, actor) => {
    const warnings = await writer.remove(actor, 'limit', id)
    if (warnings !== undefined) return { warnings }
    throw notFound(
      'stored limit',
      id,
      'Run "sallyport limits ls" for the ids; declared limits have none and change in their file.',
    )
  })
}

export function toolsetRoutes(app: FastifyInstance, ports: AdminPorts, writer: Writer): void {
  const assertStored = (name: string) => {
    const { file, state } = ports.declared()
    if (Object.hasOwn(state.toolsets, name)) throw readOnly('toolset', name, file)
  }
  handle(app, listToolsets, async () => {
    const declared = ports.declared().state.toolsets
    return {
      toolsets: Object.entries(ports.snapshot().state.toolsets).map(([name, spec]) => ({
        name,
        origin: Object.hasOwn(declared, name) ? ('declared' as const) : ('stored' as const),
        endpoint: `/mcp/t/${name}`,
        ...spec,
      })),
    }
  })
  handle(app, setToolset, async ({ name, spec }, given, actor) => {
    assertStored(name)
    const warnings = await writer.put(actor, 'toolset', name, given.spec)
    return { warnings: [...warnings, ...ofNoServer(ports, [...spec.include, ...spec.exclude])] }
  })
  handle(app, removeToolset, async ({ name }, _given, actor) => {
    assertStored(name)
    const warnings = await writer.remove(actor, 'toolset', name)
    if (warnings === undefined) throw notFound('toolset', name, 'Run "sallyport toolsets ls".')
    return { warnings }
  })
}
