import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { GatewayError } from '../model/refusal.ts'
import { checkOrigin, isLoopback, originRules } from './origin.ts'

function refusal(
  listen: { host: string; origins?: string[]; hosts?: string[] },
  headers: Record<string, string>,
): string | undefined {
  const request = new IncomingMessage(new Socket())
  Object.assign(request.headers, headers)
  try {
    checkOrigin(originRules({ origins: [], hosts: [], ...listen }), request)
    return undefined
  } catch (fault) {
    if (fault instanceof GatewayError) return fault.code
    throw fault
  }
}

describe('on a loopback bind', () => {
  test.each([
    ['localhost', undefined],
    ['localhost:8470', undefined],
    ['127.0.0.1:1', undefined],
    ['[::1]:8470', undefined],
    ['evil.example', 'host_refused'],
    ['localhost.evil.example', 'host_refused'],
    ['127.0.0.1.evil.example', 'host_refused'],
    ['localhost:8470:1', 'host_refused'],
    ['localhost:x', 'host_refused'],
    ['a@localhost', 'host_refused'],
    ['', 'host_refused'],
  ])('host %j: %s', (host, code) => {
    expect(refusal({ host: '127.0.0.1' }, { host })).toBe(code)
  })

  test('no Host at all is refused', () => {
    expect(refusal({ host: '127.0.0.1' }, {})).toBe('host_refused')
  })

  test.each([
    ['http://localhost:3000', undefined],
    ['https://127.0.0.1', undefined],
    ['http://[::1]:5', undefined],
    ['https://app.example', undefined],
    ['HTTPS://APP.example', undefined],
    ['https://app.example:444', 'origin_refused'],
    ['http://app.example', 'origin_refused'],
    ['https://sub.app.example', 'origin_refused'],
    ['null', 'origin_refused'],
    ['http://localhost.evil.example', 'origin_refused'],
    ['http://localhost:3000/path', 'origin_refused'],
    ['http://x@localhost', 'origin_refused'],
    ['chrome-extension://abc', 'origin_refused'],
  ])('origin %s: %s', (origin, code) => {
    const listen = { host: '127.0.0.1', origins: ['https://app.example/'] }
    expect(refusal(listen, { host: 'localhost', origin })).toBe(code)
  })
})

describe('on another bind', () => {
  test('any Host is taken unless names are listed, and loopback pages are foreign', () => {
    expect(refusal({ host: '0.0.0.0' }, { host: 'gateway.example' })).toBeUndefined()
    expect(
      refusal({ host: '0.0.0.0', hosts: ['Gateway.example'] }, { host: 'gateway.EXAMPLE:80' }),
    ).toBeUndefined()
    expect(
      refusal({ host: '0.0.0.0', hosts: ['gateway.example'] }, { host: 'other.example' }),
    ).toBe('host_refused')
    expect(refusal({ host: '0.0.0.0' }, { host: 'x', origin: 'http://localhost:3000' })).toBe(
      'origin_refused',
    )
  })
})

test.each([
  ['127.0.0.1', true],
  ['127.1.2.3', true],
  ['localhost', true],
  ['::1', true],
  ['0.0.0.0', false],
  ['192.168.0.1', false],
])('%s is loopback: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected)
})

test('a name that begins like a loopback address is none', () => {
  expect(isLoopback('127.example.com')).toBe(false)
})
