// Extensions of MCP through the gateway: tasks, skills, apps, and one that nobody knows.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runScenario } from '../conformance/run-scenario.ts'
import { type Fixture, startFixture } from '../conformance/start-fixture.ts'
import {
  eventually,
  legacySession,
  modernCall,
  modernRequest,
  openListen,
  postText,
} from './client.ts'
import { everything, startGateway, type TestGateway } from './gateway.ts'
import { dig, digList, digText, names } from './json.ts'

const tasksId = 'io.modelcontextprotocol/tasks'
const withTasks = {
  _meta: {
    'io.modelcontextprotocol/clientCapabilities': {
      elicitation: {},
      extensions: { [tasksId]: {} },
    },
  },
}
const pages = { id: 'com.example/pages', methods: ['pages/turn'] }

let fixture: Fixture
let gateway: TestGateway
let key: string

beforeAll(async () => {
  fixture = await startFixture({ era: 'dual', args: ['--extensions'] })
  const http = { url: fixture.url }
  gateway = await startGateway({
    config: {
      servers: {
        work: { http, era: 'modern' },
        twin: { http, era: 'modern' },
        old: { http, era: 'legacy' },
        apps: { http, era: 'modern', apps: 'joined' },
        bare: { http, era: 'modern', extensions: [pages] },
      },
      roles: {
        few: {
          allow: ['work/greet', 'resource:work/skill://demo/greeting/templates*', 'bare/echo'],
        },
        skilled: { allow: ['resource:work/skill://*'] },
      },
    },
    keys: {
      first: everything,
      other: everything,
      few: { roles: ['few'] },
      skilled: { roles: ['skilled'] },
    },
  })
  key = gateway.key
  await eventually(async () => {
    const list = await modernCall(gateway.url, key, 'tools/list')
    const found = names(list.message, 'tools')
    return ['work', 'twin', 'old', 'apps', 'bare'].every((one) => found.includes(`${one}__echo`))
  })
})
afterAll(async () => {
  await gateway?.stop()
  await fixture?.stop()
})

const code = (message: unknown): unknown => dig(message, 'error', 'data', 'code')

/** A request about a task, with the header that mirrors it. */
function aboutTask(url: string, who: string, method: string, taskId: string, more = {}) {
  const headers = { 'mcp-name': taskId }
  return modernCall(url, who, method, { taskId, ...withTasks, ...more }, { headers })
}

async function makeTask(url: string, name: string, args = {}): Promise<string> {
  const made = await modernCall(url, key, 'tools/call', { name, arguments: args, ...withTasks })
  expect(dig(made.message, 'result', 'resultType')).toBe('task')
  return digText(made.message, 'result', 'taskId')
}

describe('the official scenarios give the same result directly and through the gateway', () => {
  test.each([
    ['tasks-lifecycle', 9],
    ['tasks-capability-negotiation', 5],
    ['tasks-wire-fields', 4],
    ['tasks-request-state-removal', 3],
    ['tasks-mrtr-input', 4],
    ['tasks-request-headers', 5],
    ['tasks-dispatch-and-envelope', 9],
    // The suite itself skips its one check, and says so.
    ['tasks-status-notifications', 0],
    ['tasks-required-task-error', 2],
    ['tasks-mrtr-composition', 1],
    ['sep-2640-skills-enumeration', 32],
    ['sep-2640-skills-manifest', 4],
    ['sep-2640-skills-directory', 7],
  ] as const)('%s', async (scenario, least) => {
    const results = (checks: Awaited<ReturnType<typeof runScenario>>) =>
      checks.map(({ id, status }) => `${id} ${status}`)
    const direct = results(await runScenario(scenario, fixture.url))
    const authorization = `Bearer ${key}`
    const through = results(await runScenario(scenario, gateway.server('work'), { authorization }))
    expect(through).toEqual(direct)
    expect(through.filter((line) => line.endsWith('FAILURE'))).toEqual([])
    expect(through.filter((line) => line.endsWith('SUCCESS')).length).toBeGreaterThanOrEqual(least)
  })
})

describe('tasks', () => {
  test('are known by ids of the gateway’s own, on every endpoint', async () => {
    for (const [url, name] of [
      [gateway.server('work'), 'slow_compute'],
      [gateway.url, 'work__slow_compute'],
    ] as const) {
      const taskId = await makeTask(url, name, { seconds: 0.2, label: 'x' })
      expect(taskId).not.toMatch(/^[0-9a-f]{8}-/)
      const done = await eventually(async () => {
        const { message } = await aboutTask(url, key, 'tasks/get', taskId)
        expect(dig(message, 'result', 'taskId')).toBe(taskId)
        return dig(message, 'result', 'status') === 'completed' && message
      })
      expect(digText(done, 'result', 'result', 'content', 0, 'text')).toBe('computed x')
    }
  })

  test('belong to the key that made them; every other one learns nothing', async () => {
    const url = gateway.server('work')
    const taskId = await makeTask(url, 'slow_compute', { seconds: 30 })
    const other = gateway.keyOf('other')
    for (const method of ['tasks/get', 'tasks/update', 'tasks/cancel']) {
      const foreign = await aboutTask(url, other, method, taskId)
      const unknown = await aboutTask(url, other, method, 'no-such-task')
      for (const reply of [foreign, unknown])
        expect([dig(reply.message, 'error', 'code'), code(reply.message)]).toEqual([
          -32602,
          'task_unknown',
        ])
    }
    // A task of another server is none at this endpoint.
    expect(code((await aboutTask(gateway.server('twin'), key, 'tasks/get', taskId)).message)).toBe(
      'task_unknown',
    )
    const cancelled = await aboutTask(url, key, 'tasks/cancel', taskId)
    expect(dig(cancelled.message, 'result', 'resultType')).toBe('complete')
  })

  test('tell how they stand on a listen stream', async () => {
    const url = gateway.url
    const taskId = await makeTask(url, 'work__confirm_delete', { filename: 'a.txt' })
    const { body, headers } = modernRequest('subscriptions/listen', {
      notifications: { taskIds: [taskId] },
    })
    const undeclared = await postText(url, key, body, { headers })
    expect(undeclared.status).toBe(400)
    expect(dig(await undeclared.json(), 'error', 'code')).toBe(-32021)
    const feed = await openListen(url, key, { taskIds: [taskId, 'unknown'] }, withTasks)
    const acknowledged = await feed.untilMethod('notifications/subscriptions/acknowledged')
    expect(dig(acknowledged, 'params', 'notifications', 'taskIds')).toEqual([taskId])
    const asked = await eventually(async () => {
      const { message } = await aboutTask(url, key, 'tasks/get', taskId)
      return dig(message, 'result', 'status') === 'input_required' && message
    })
    const [question] = Object.keys(dig(asked, 'result', 'inputRequests') ?? {})
    const inputResponses = { [question ?? '']: { action: 'accept', content: { confirm: true } } }
    await aboutTask(url, key, 'tasks/update', taskId, { inputResponses })
    const told = await feed.until((message) => dig(message, 'params', 'status') === 'completed')
    expect(dig(told, 'method')).toBe('notifications/tasks')
    expect(dig(told, 'params', 'taskId')).toBe(taskId)
    expect(digText(told, 'params', 'result', 'content', 0, 'text')).toContain('a.txt')
    feed.close()
  })

  test('are not made for callers that do not take them, nor where they are not allowed', async () => {
    const plain = await modernCall(gateway.server('work'), key, 'tools/call', {
      name: 'slow_compute',
      arguments: { seconds: 0, label: 'plain' },
    })
    expect(digText(plain.message, 'result', 'content', 0, 'text')).toBe('computed plain')
    const barred = await modernCall(gateway.server('bare'), key, 'tools/call', {
      name: 'slow_compute',
      arguments: { seconds: 0, label: 'barred' },
      ...withTasks,
    })
    expect(digText(barred.message, 'result', 'content', 0, 'text')).toBe('computed barred')
    const unknown = await aboutTask(gateway.server('bare'), key, 'tasks/get', 'x')
    expect([unknown.status, dig(unknown.message, 'error', 'code')]).toEqual([404, -32601])
  })
})

describe('skills', () => {
  const uri = 'skill://demo/greeting/SKILL.md'

  test('are listed and read under names that say whose they are', async () => {
    const list = await modernCall(gateway.url, key, 'skills/list')
    const skills = digList(list.message, 'result', 'skills')
    const barred = skills.filter((skill) => digText(skill, 'uri').startsWith('bare+'))
    expect(barred).toEqual([])
    const refused = await modernCall(gateway.url, key, 'skills/get', { uri: `bare+${uri}` })
    expect(code(refused.message)).toBe('resource_unknown')
    const mine = skills.find((skill) => dig(skill, 'uri') === `work+${uri}`)
    expect(dig(mine, 'frontmatter', 'name')).toBe('greeting')
    for (const file of digList(mine, 'resources')) {
      const at = digText(file, 'uri')
      expect(at.startsWith('work+skill://')).toBe(true)
      const read = await modernCall(gateway.url, key, 'resources/read', { uri: at })
      const body = digText(read.message, 'result', 'contents', 0, 'text')
      expect(Buffer.byteLength(body)).toBe(dig(file, 'size'))
    }
    const got = await modernCall(gateway.url, key, 'skills/get', { uri: `work+${uri}` })
    expect(dig(got.message, 'result', 'skill', 'uri')).toBe(`work+${uri}`)
    const session = await legacySession(gateway.server('old'), key)
    const legacy = await session.request('skills/list')
    expect(names(legacy.message, 'skills', 'uri')).toEqual([uri])
  })

  test('are shown only to those who may read them', async () => {
    const url = gateway.server('work')
    const few = gateway.keyOf('few')
    const listed = await modernCall(url, few, 'skills/list')
    expect(digList(listed.message, 'result', 'skills')).toEqual([])
    const got = await modernCall(url, few, 'skills/get', { uri })
    expect(code(got.message)).toBe('resource_unknown')
    const folder = { uri: 'skill://demo/greeting/templates' }
    const inside = await modernCall(url, few, 'resources/directory/read', folder)
    expect(names(inside.message, 'resources')).toEqual(['formal.md'])
    const skilled = gateway.keyOf('skilled')
    const all = await modernCall(url, skilled, 'skills/list')
    expect(names(all.message, 'skills', 'uri')).toEqual([uri])
  })

  test('a directory shows only what its reader may read', async () => {
    const config = {
      servers: { work: { http: { url: fixture.url }, era: 'modern' as const } },
      roles: {
        part: {
          allow: [
            'resource:work/skill://demo/greeting',
            'resource:work/skill://demo/greeting/SKILL.md',
          ],
        },
      },
    }
    const part = await startGateway({ config, keys: { first: { roles: ['part'] } } })
    try {
      const folder = { uri: 'skill://demo/greeting' }
      const reply = await eventually(async () => {
        const read = await modernCall(
          part.server('work'),
          part.key,
          'resources/directory/read',
          folder,
        )
        return dig(read.message, 'result') !== undefined && read
      })
      expect(names(reply.message, 'resources')).toEqual(['SKILL.md'])
    } finally {
      await part.stop()
    }
  })
})

describe('apps', () => {
  const view = 'ui://fixture/view.html'
  const find = async (url: string, name: string): Promise<unknown> => {
    const list = await modernCall(url, key, 'tools/list')
    return digList(list.message, 'result', 'tools').find((tool) => dig(tool, 'name') === name)
  }

  test('stand whole on the endpoint of their server', async () => {
    const tool = await find(gateway.server('work'), 'show_view')
    expect(dig(tool, '_meta', 'ui')).toEqual({ resourceUri: view, visibility: ['model', 'app'] })
    const read = await modernCall(gateway.server('work'), key, 'resources/read', { uri: view })
    expect(dig(read.message, 'result', 'contents', 0, 'mimeType')).toBe('text/html;profile=mcp-app')
  })

  test('are left out where servers are joined, unless the operator says so', async () => {
    expect(dig(await find(gateway.url, 'work__show_view'), '_meta')).toEqual({
      'com.example/kept': 1,
    })
    const shown = await find(gateway.url, 'apps__show_view')
    const resourceUri = digText(shown, '_meta', 'ui', 'resourceUri')
    expect(resourceUri).toBe('ui://apps+fixture/view.html')
    const read = await modernCall(gateway.url, key, 'resources/read', { uri: resourceUri })
    expect(dig(read.message, 'result', 'contents', 0, 'uri')).toBe(resourceUri)
    const bare = await modernCall(gateway.url, key, 'tools/call', {
      name: 'show_view',
      arguments: {},
    })
    expect(digText(bare.message, 'result', 'content', 0, 'text')).toBe('shown')
    // What looks like the name of another server's tool is never an app's own.
    await modernCall(gateway.server('apps'), key, 'tools/call', {
      name: 'add_tool',
      arguments: { name: 'twin__ghost' },
    })
    await eventually(async () => {
      const list = await modernCall(gateway.server('apps'), key, 'tools/list')
      return names(list.message, 'tools').includes('twin__ghost')
    })
    const ghost = { name: 'twin__ghost', arguments: {} }
    expect(code((await modernCall(gateway.url, key, 'tools/call', ghost)).message)).toBe(
      'tool_unknown',
    )
    await modernCall(gateway.server('apps'), key, 'tools/call', {
      name: 'remove_tool',
      arguments: { name: 'twin__ghost' },
    })
    // The same bare name as seen by a key that may not use the tool is unknown.
    const few = gateway.keyOf('few')
    const denied = await modernCall(gateway.url, few, 'tools/call', {
      name: 'show_view',
      arguments: {},
    })
    expect(code(denied.message)).toBe('tool_unknown')
  })
})

describe('an extension that nobody knows', () => {
  const turn = { to: 3, mark: 12 }

  test('is relayed by its name and its methods, on the endpoint of its server', async () => {
    const url = gateway.server('bare')
    const offered = await modernCall(url, key, 'server/discover')
    expect(dig(offered.message, 'result', 'capabilities', 'extensions')).toEqual({
      'com.example/pages': { turning: true },
    })
    const turned = await modernCall(url, key, 'pages/turn', turn)
    expect(dig(turned.message, 'result', 'page')).toBe(3)
    expect(dig(turned.message, 'result', 'seen', 'mark')).toBe(12)
  })

  test('is unknown everywhere else, and to those whom no rule lets', async () => {
    for (const url of [gateway.server('work'), gateway.url]) {
      const reply = await modernCall(url, key, 'pages/turn', turn)
      expect([reply.status, dig(reply.message, 'error', 'code')]).toEqual([404, -32601])
    }
    const few = await modernCall(gateway.server('bare'), gateway.keyOf('few'), 'pages/turn', turn)
    expect(dig(few.message, 'error')).toBeDefined()
    expect(dig(few.message, 'result')).toBeUndefined()
  })
})
