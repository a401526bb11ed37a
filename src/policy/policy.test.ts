import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { costOf } from '../../test/cost.ts'
import type { Action } from '../model/action.ts'
import type { Principal } from '../model/principal.ts'
import { GatewayError } from '../model/refusal.ts'
import type { Target } from '../model/target.ts'
import { authorize } from './authorize.ts'
import { compilePolicy, type Policy, type PolicyInput } from './compile.ts'
import { isOwner } from './engine.ts'
import { explain } from './explain.ts'
import { compilePattern, subjectOf } from './pattern.ts'

type Roles = Record<string, { allow?: string[]; deny?: string[] }>
type Access = Omit<PolicyInput['access'][number], never>

function inputOf(roles: Roles, access: Access[] = []): PolicyInput {
  const specs = Object.entries(roles).map(([role, { allow = [], deny = [] }]) => [
    role,
    { allow, deny },
  ])
  return { roles: Object.fromEntries(specs), access }
}

function policyOf(roles: Roles, access: Access[] = []): Policy {
  const compiled = compilePolicy(inputOf(roles, access))
  if ('issues' in compiled) throw new Error(JSON.stringify(compiled.issues))
  return compiled.policy
}

function principalWith(fields: Partial<Principal> = {}): Principal {
  return {
    id: '7f',
    label: 'key:ci',
    kind: 'agent',
    name: 'ci',
    user: undefined,
    teams: [],
    environment: 'prod',
    roles: [],
    expiresAt: undefined,
    ...fields,
  }
}

describe('patterns', () => {
  test.each<
    [
      pattern: string,
      kind: 'tool' | 'prompt' | 'resource',
      at: string,
      name: string,
      allowed: boolean,
    ]
  >([
    ['crm/read', 'tool', 'crm', 'read', true],
    ['crm/read', 'prompt', 'crm', 'read', true],
    ['tool:crm/read', 'prompt', 'crm', 'read', false],
    ['prompt:crm/*', 'prompt', 'crm', 'x', true],
    ['crm/read', 'tool', 'crm', 'read_all', false],
    ['crm/read_*', 'tool', 'crm', 'read_all', true],
    ['crm/*_all', 'tool', 'crm', 'read_all', true],
    ['crm/r*d*l', 'tool', 'crm', 'read_all', true],
    ['crm/re*ead', 'tool', 'crm', 'read', false],
    ['*/read', 'tool', 'crm', 'read', true],
    ['c*/read', 'tool', 'crm', 'read', true],
    ['c*/read', 'tool', 'docs', 'read', false],
    ['docs/file:///a/*', 'resource', 'docs', 'file:///a/b/c', true],
    ['resource:docs/*', 'resource', 'docs', 'file:///a/b/c', true],
    ['docs/*/c', 'resource', 'docs', 'file:///a/b/c', true],
    ['docs/a.c', 'tool', 'docs', 'abc', false],
    ['docs/*', 'tool', 'docs', '', true],
  ])('%s and %s %s/%s: %s', (pattern, kind, server, name, allowed) => {
    const policy = policyOf({ r: { allow: [pattern] } })
    expect(policy.decide(principalWith({ roles: ['r'] }), kind, server, name).allowed).toBe(allowed)
    const subject = subjectOf(kind, server, name)
    expect(compilePattern(pattern, 'all')(subject)).toBe(allowed)
    expect(compilePattern(pattern, 'any')(subject)).toBe(allowed)
  })

  test('no pattern backtracks', async () => {
    const policy = policyOf({ r: { allow: [`crm/${'a*'.repeat(500)}b`] } })
    const name = 'a'.repeat(20_000)
    let allowed = true
    const cost = await costOf(() => {
      ;({ allowed } = policy.decide(principalWith({ roles: ['r'] }), 'tool', 'crm', name))
    })
    expect(allowed).toBe(false)
    expect(cost).toBeLessThan(50)
  })
})

describe('decisions', () => {
  const support = { support: { allow: ['crm/*'], deny: ['crm/delete_*'] } }

  test('nothing is allowed by default', () => {
    const decision = policyOf(support).decide(principalWith(), 'tool', 'crm', 'read')
    expect(decision).toEqual({ allowed: false, rule: 'no rule allows it' })
  })

  test('a deny wins over the allows of all roles', () => {
    const policy = policyOf(support)
    const principal = principalWith({ roles: ['all-tools', 'support'] })
    expect(policy.decide(principal, 'tool', 'crm', 'read').rule).toBe('all-tools: allow */*')
    expect(policy.decide(principal, 'tool', 'crm', 'delete_all')).toEqual({
      allowed: false,
      rule: 'support: deny crm/delete_*',
    })
  })

  test('owner administers and allows no tool', () => {
    const policy = policyOf({})
    const owner = principalWith({ roles: ['owner'] })
    expect(policy.decide(owner, 'tool', 'crm', 'read').allowed).toBe(false)
    expect(isOwner(policy, owner)).toBe(true)
    expect(isOwner(policy, principalWith({ roles: ['all-tools'] }))).toBe(false)
  })

  test('a role that is gone allows nothing', () => {
    const policy = policyOf({})
    const principal = principalWith({ roles: ['gone', 'gone,owner'] })
    expect(policy.decide(principal, 'tool', 'crm', 'read').allowed).toBe(false)
    expect(isOwner(policy, principal)).toBe(false)
    expect(policy.roleSetOf(principal)).toBe('')
  })

  test.each<[Omit<Access, 'roles'>, Partial<Principal>, boolean]>([
    [{ key: 'ci' }, {}, true],
    [{ key: 'ci' }, { label: 'key:other' }, false],
    [{ key: 'local' }, { id: 'local', label: 'local', name: 'local' }, false],
    [{ user: 'ann' }, { user: 'ann' }, true],
    [{ user: 'ann' }, {}, false],
    [{ team: 'a' }, { teams: ['b', 'a'] }, true],
    [{ team: 'a' }, { teams: ['b'] }, false],
    [{ team: 'a', user: 'ann' }, { teams: ['a'] }, false],
    [{ team: 'a', environments: ['prod'] }, { teams: ['a'] }, true],
    [{ team: 'a', environments: ['dev'] }, { teams: ['a'] }, false],
    [{ environments: ['prod'] }, {}, true],
    [{ environments: [] }, {}, false],
  ])('access %j for %j: %s', (entry, fields, applies) => {
    const policy = policyOf(support, [{ ...entry, roles: ['support'] }])
    const principal = principalWith(fields)
    expect(policy.decide(principal, 'tool', 'crm', 'read').allowed).toBe(applies)
    expect(policy.roleSetOf(principal)).toBe(applies ? 'support' : '')
  })

  test('principals with the same roles share a role set, however they came by them', () => {
    const policy = policyOf({ a: {}, b: {} }, [{ team: 't', roles: ['b', 'a'] }])
    const own = principalWith({ roles: ['a', 'b'] })
    expect(policy.roleSetOf(principalWith({ teams: ['t'] }))).toBe(policy.roleSetOf(own))
  })
})

describe('names that servers and people take for the same', () => {
  test.each([
    'delete_all',
    'Delete_All',
    'DELETE_ALL',
    'delete\u200b_all',
    'del\u00adete_all',
    'delete_all\u{e0041}',
    '\u202edelete_all',
    '\uff44elete_all',
    '\u{1d41d}elete_all',
  ])('%j is denied as delete_all is', (name) => {
    const policy = policyOf({ r: { allow: ['*/*'], deny: ['crm/delete_*'] } })
    const principal = principalWith({ roles: ['r'] })
    for (const kind of ['tool', 'prompt'] as const) {
      expect(policy.decide(principal, kind, 'crm', name).allowed).toBe(false)
      expect(explain(policy, principal, { kind, server: 'crm', name }).matches).toContainEqual({
        role: 'r',
        effect: 'deny',
        pattern: 'crm/delete_*',
      })
    }
  })

  test.each(['caf\u00e9', 'cafe\u0301'])('%j is denied by both forms of the same sign', (name) => {
    for (const deny of ['crm/caf\u00e9', 'crm/cafe\u0301', 'crm/CAF\u00c9']) {
      const policy = policyOf({ r: { allow: ['*/*'], deny: [deny] } })
      expect(policy.decide(principalWith({ roles: ['r'] }), 'tool', 'crm', name).allowed).toBe(
        false,
      )
    }
  })

  test('are allowed by their own text only', () => {
    const policy = policyOf({ r: { allow: ['crm/read'] } })
    const principal = principalWith({ roles: ['r'] })
    const allowed = ['read', 'Read', 'r\u200bead', '\uff52ead'].filter(
      (name) => policy.decide(principal, 'tool', 'crm', name).allowed,
    )
    expect(allowed).toEqual(['read'])
  })
})

describe('URIs', () => {
  test.each<[pattern: string, uri: string]>([
    ['docs/file:///a/*', 'file:///a/'],
    ['docs/file:///a%20b/*', 'file:///a%20b/c%2Fd'],
    ['docs/file:///A/*.md', 'file:///A/b.md'],
    ['docs/https://Example.com:8443/*', 'https://Example.com:8443/a?b=c#d'],
    ['docs/https://example.com/find?q=*', 'https://example.com/find?q=%C3%A9'],
    ['docs/postgres://*@db/*', 'postgres://ann@db/shop/orders'],
    ['docs/urn:isbn:*', 'urn:isbn:1'],
    ['docs/*/static/*', 'test://static/x'],
    ['docs/*', 'file://./a b/../c'],
    ['docs/file://./notes/*', 'file://./notes/a.md'],
  ])('%s allows %s', (pattern, uri) => {
    const policy = policyOf({ r: { allow: [pattern] } })
    expect(policy.decide(principalWith({ roles: ['r'] }), 'resource', 'docs', uri)).toEqual({
      allowed: true,
      rule: `r: allow ${pattern}`,
    })
  })

  test.each<[pattern: string, uri: string]>([
    ['docs/file:///a/*', 'file:///a/../b'],
    ['docs/*/public', 'https://example.com/secret?/public'],
    ['docs/*/public', 'https://example.com/secret#/public'],
    ['docs/https://example.com*', 'https://example.com@evil.example/'],
    ['docs/https://example.com*', 'https://example.com:x@evil.example/'],
    ['docs/http://10.*', 'http://10.0.0.1@127.0.0.1/'],
  ])('%s does not allow %s', (pattern, uri) => {
    const policy = policyOf({ r: { allow: [pattern] } })
    expect(policy.decide(principalWith({ roles: ['r'] }), 'resource', 'docs', uri)).toEqual({
      allowed: false,
      rule: 'no rule allows what servers may read in this URI',
    })
  })
})

describe('templates', () => {
  test.each<[rules: Roles[string], template: string, listed: boolean]>([
    [{ allow: ['docs/file:///a/*'] }, 'file:///{path}', true],
    [{ allow: ['docs/file:///a/b'] }, 'file:///{dir}/b', true],
    [{ allow: ['docs/file:///a/b'] }, 'file:///{dir}/c', false],
    [{ allow: ['docs/http:*'] }, 'file:///{path}', false],
    [{ allow: ['docs/*.txt'] }, 'file:///{path}.md', false],
    [{ allow: ['tool:docs/*'] }, 'file:///{path}', false],
    [{ allow: ['docs/*'], deny: ['docs/file:*'] }, 'file:///{path}', false],
    [{ allow: ['docs/*'], deny: ['docs/file:///a/*'] }, 'file:///{path}', true],
    [{ allow: ['docs/file:///a/*'], deny: ['docs/*/a/*'] }, 'file:///{path}', false],
    [{}, 'file:///{path}', false],
  ])('%j and %s: %s', (rules, template, listed) => {
    const policy = policyOf({ r: rules })
    const principal = principalWith({ roles: ['r'] })
    expect(policy.couldAllowTemplate(principal, 'docs', template)).toBe(listed)
    expect(policy.couldAllowTemplate(principal, 'docs', template)).toBe(listed)
  })
})

test('issues name the place, and the role that was probably meant', () => {
  const compiled = compilePolicy({
    ...inputOf({ support: { allow: ['crm'] }, owner: {} }, [{ key: 'nobody', roles: ['suport'] }]),
    keys: [{ name: 'ci', roles: ['all-tools', 'nothing-like-it'] }],
  })
  expect(
    'issues' in compiled && compiled.issues.map(({ path, message }) => `${path}: ${message}`),
  ).toEqual([
    'roles.support.allow.0: not a pattern such as crm/* or prompt:crm/*',
    'roles.owner: this role is built in; choose another name',
    'access.0.roles.0: there is no role "suport"; did you mean "support"?',
    'keys.ci.roles.1: there is no role "nothing-like-it"',
  ])
})

describe('authorize', () => {
  function act(kind: Target['kind'], name: string): unknown {
    const policy = policyOf({ r: { allow: ['crm/ok'], deny: ['crm/no'] } })
    const known: unknown = {
      subject: `public ${name}`,
      principal: principalWith({ roles: ['r'] }),
    }
    // biome-ignore lint/nursery/noUnsafeTypeAssertion: the rest of the call is not looked at
    return authorize(policy, known as Action, { kind, server: 'crm', name, item: undefined })
  }

  test('lets an allowed call pass with its rule', () => {
    expect(act('tool', 'ok')).toMatchObject({ rule: 'r: allow crm/ok', target: { name: 'ok' } })
  })

  test.each([
    ['tool', 'tool_unknown', undefined],
    ['prompt', 'prompt_unknown', undefined],
    ['resource', 'resource_unknown', { uri: 'public no' }],
  ] as const)('refuses a %s as an unknown one', (kind, code, data) => {
    try {
      act(kind, 'no')
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(GatewayError)
      expect(error).toMatchObject({
        code,
        data,
        hint: undefined,
        message: 'denied crm/no: r: deny crm/no',
      })
    }
  })
})

test('explain names every rule that matched and how its role came', () => {
  const roles = { support: { allow: ['crm/*', 'docs/*'], deny: ['crm/delete_*'] } }
  const policy = policyOf(roles, [{ team: 'help', roles: ['support'], environments: ['prod'] }])
  const principal = principalWith({ teams: ['help'], roles: ['all-tools', 'gone'] })
  expect(explain(policy, principal, { kind: 'tool', server: 'crm', name: 'delete_all' })).toEqual({
    principal: 'key:ci',
    target: 'tool:crm/delete_all',
    allowed: false,
    rule: 'support: deny crm/delete_*',
    roles: [
      { role: 'all-tools', via: ['key'], defined: true },
      { role: 'gone', via: ['key'], defined: false },
      { role: 'support', via: ['access.0 (team help, environments prod)'], defined: true },
    ],
    matches: [
      { role: 'support', effect: 'deny', pattern: 'crm/delete_*' },
      { role: 'all-tools', effect: 'allow', pattern: '*/*' },
      { role: 'support', effect: 'allow', pattern: 'crm/*' },
    ],
  })
})

describe('against a plain reading of the rules', () => {
  const piece = fc.array(fc.constantFrom('a', 'b', '*', '/', 'ab'), { minLength: 1, maxLength: 5 })
  const server = fc.constantFrom('a', 'ab', 'b')
  const pattern = fc
    .tuple(
      fc.constantFrom('', 'tool:', 'resource:'),
      fc.constantFrom('a', 'ab', '*', 'a*', '*b'),
      piece,
    )
    .map(([prefix, at, name]) => `${prefix}${at}/${name.join('')}`)
  const role = fc.record({
    allow: fc.array(pattern, { maxLength: 4 }),
    deny: fc.array(pattern, { maxLength: 2 }),
  })
  const name = fc
    .array(fc.constantFrom('a', 'b', '/'), { maxLength: 5 })
    .map((parts) => parts.join(''))
  const kind = fc.constantFrom('tool', 'prompt', 'resource')

  const like = (text: string) => new RegExp(`^${text.replaceAll('*', '.*')}$`)
  function matches(text: string, of: string, at: string, item: string): boolean {
    const [, only, servers = '', names = ''] = /^(?:(\w+):)?([^/]*)\/(.*)$/.exec(text) ?? []
    return (only === undefined || only === of) && like(servers).test(at) && like(names).test(item)
  }

  test('every decision is the same, the first time and remembered', () => {
    const question = fc.tuple(kind, server, name)
    fc.assert(
      fc.property(role, role, fc.array(question, { maxLength: 8 }), (one, two, questions) => {
        const policy = policyOf({ one, two })
        const principal = principalWith({ roles: ['one', 'two'] })
        for (const [of, at, item] of [...questions, ...questions]) {
          const hit = (text: string) => matches(text, of, at, item)
          const expected =
            ![...one.deny, ...two.deny].some(hit) && [...one.allow, ...two.allow].some(hit)
          const decision = policy.decide(principal, of, at, item)
          // What servers may read in a URI can only take away.
          if (of === 'resource') expect(decision.allowed && !expected).toBe(false)
          else expect(decision.allowed).toBe(expected)
          const account = explain(policy, principal, { kind: of, server: at, name: item })
          const decider = account.matches.find(
            (rule) => rule.effect === (decision.allowed ? 'allow' : 'deny'),
          )
          if (of === 'resource' && !decision.allowed && decider === undefined) continue
          expect(decision.rule).toBe(
            decider === undefined
              ? 'no rule allows it'
              : `${decider.role}: ${decider.effect} ${decider.pattern}`,
          )
        }
      }),
      { numRuns: 500 },
    )
  })

  test('a server that has something allowed could have it, and without any allow it could not', () => {
    fc.assert(
      fc.property(role, name, ({ allow, deny }, item) => {
        const policy = policyOf({ r: { allow, deny } })
        const principal = principalWith({ roles: ['r'] })
        for (const kind of ['tool', 'prompt', 'resource'] as const)
          if (policy.decide(principal, kind, 'ab', item).allowed)
            expect(policy.couldAllow(principal, 'ab')).toBe(true)
        if (allow.length === 0) expect(policy.couldAllow(principal, 'ab')).toBe(false)
      }),
      { numRuns: 500 },
    )
    const policy = policyOf({ r: { allow: ['a/*', 'b/x', 'c/*'], deny: ['b/*', 'tool:c/*'] } })
    const could = (server: string): boolean =>
      policy.couldAllow(principalWith({ roles: ['r'] }), server)
    expect(['a', 'b', 'c', 'd'].filter(could)).toEqual(['a', 'c'])
  })

  test('a template with an allowed expansion is listed, and without denies only such a one', () => {
    const expansion = fc
      .array(fc.constantFrom('a', 'b', '/'), { maxLength: 4 })
      .map((parts) => parts.join(''))
    const parts = fc.tuple(name, expansion, name, expansion, name)
    fc.assert(
      fc.property(role, parts, ({ allow, deny }, [head, first, middle, second, tail]) => {
        const policy = policyOf({ r: { allow, deny } })
        const principal = principalWith({ roles: ['r'] })
        const uri = `${head}${first}${middle}${second}${tail}`
        if (!policy.decide(principal, 'resource', 'ab', uri).allowed) return
        expect(policy.couldAllowTemplate(principal, 'ab', `${head}{x}${middle}{+y}${tail}`)).toBe(
          true,
        )
      }),
      { numRuns: 500 },
    )
  })
})
