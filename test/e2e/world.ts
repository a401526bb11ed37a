// One fixture server behind one gateway, registered once in each era.

import type { DesiredStateInput } from '../../src/model/desired-state.ts'
import { type Fixture, startFixture } from '../conformance/start-fixture.ts'
import { everything, startGateway, type TestGateway, type TestKey } from './gateway.ts'

export interface TestWorld {
  readonly fixture: Fixture
  readonly gateway: TestGateway
  readonly key: string
  /** The endpoint whose server is spoken to in that era. */
  at(era: 'modern' | 'legacy'): string
  stop(): Promise<void>
}

export interface WorldOptions {
  readonly config?: Omit<DesiredStateInput, 'servers'>
  readonly servers?: DesiredStateInput['servers']
  readonly keys?: Readonly<Record<string, TestKey>>
  readonly fixtureArgs?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** What a world's declared file holds. */
export function worldConfig(url: string, options: WorldOptions): DesiredStateInput {
  return {
    ...options.config,
    servers: {
      modern: { http: { url }, era: 'modern' },
      legacy: { http: { url }, era: 'legacy' },
      ...options.servers,
    },
  }
}

export async function startWorld(options: WorldOptions = {}): Promise<TestWorld> {
  const fixture = await startFixture({ era: 'dual', args: options.fixtureArgs ?? [] })
  try {
    const keys = { first: everything, ...options.keys }
    const { env = {} } = options
    const gateway = await startGateway({ config: worldConfig(fixture.url, options), keys, env })
    return {
      fixture,
      gateway,
      key: gateway.key,
      at: (era) => gateway.server(era),
      async stop() {
        await gateway.stop()
        await fixture.stop()
      },
    }
  } catch (fault) {
    await fixture.stop()
    throw fault
  }
}
