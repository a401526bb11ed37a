/**
 * `x-mcp-header` annotations and the `Mcp-Param-*` headers that mirror arguments
 * (MCP 2026-07-28, basic/transports/streamable-http; protocol.md section 2.2).
 */

import { GatewayError } from '../model/refusal.ts'
import type { HeaderParam } from '../model/target.ts'
import { decodeHeaderValue, encodeHeaderValue } from './header-value.ts'

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
const depthMax = 16

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/**
 * The annotations of a tool's input schema, or a sentence that says which rule one of them breaks;
 * a tool with a broken annotation must not be listed.
 */
export function readHeaderParams(inputSchema: string | undefined): readonly HeaderParam[] | string {
  if (inputSchema === undefined || !inputSchema.includes('x-mcp-header')) return []
  const found: HeaderParam[] = []
  const schema: Json = JSON.parse(inputSchema)
  const fault = walk(schema, [], true, found, 0)
  if (fault !== undefined) return fault
  const names = new Set(found.map((param) => param.header.toLowerCase()))
  return names.size === found.length ? found : 'two properties have the same x-mcp-header'
}

function walk(
  schema: Json,
  path: readonly string[],
  reachable: boolean,
  found: HeaderParam[],
  depth: number,
): string | undefined {
  if (typeof schema !== 'object' || schema === null || depth > depthMax) return undefined
  if (Array.isArray(schema))
    return firstFault(schema, (entry) => walk(entry, path, false, found, depth + 1))
  const object = schema
  if (Object.hasOwn(object, 'x-mcp-header')) {
    const header = object['x-mcp-header']
    if (typeof header !== 'string' || !token.test(header))
      return 'x-mcp-header must be an HTTP token'
    if (!reachable || path.length === 0)
      return 'x-mcp-header stands where only "properties" keys may lead'
    if (!['string', 'integer', 'boolean'].includes(String(object['type'])))
      return 'x-mcp-header is only for string, integer and boolean'
    found.push({ header, path })
  }
  return firstFault(Object.entries(object), ([key, value]) => {
    if (key !== 'properties' || typeof value !== 'object' || value === null || Array.isArray(value))
      return walk(value, path, false, found, depth + 1)
    return firstFault(Object.entries(value), ([name, property]) =>
      walk(property, [...path, name], reachable, found, depth + 1),
    )
  })
}

function firstFault<T>(
  entries: readonly T[],
  check: (entry: T) => string | undefined,
): string | undefined {
  for (const entry of entries) {
    const fault = check(entry)
    if (fault !== undefined) return fault
  }
  return undefined
}

function argumentAt(args: unknown, path: readonly string[]): string | undefined {
  let value = args
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    const inner: unknown = Reflect.get(value, key)
    value = inner
  }
  return typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number'
    ? String(value)
    : undefined
}

/** The headers to send to a modern server. */
export function paramHeadersOf(
  params: readonly HeaderParam[],
  args: string | undefined,
): Record<string, string> {
  const headers: Record<string, string> = {}
  if (params.length === 0) return headers
  const parsed: unknown = args === undefined ? {} : JSON.parse(args)
  for (const param of params) {
    const value = argumentAt(parsed, param.path)
    if (value !== undefined)
      headers[`mcp-param-${param.header.toLowerCase()}`] = encodeHeaderValue(value)
  }
  return headers
}

/**
 * Compares what a modern HTTP caller sent with its arguments; unknown `Mcp-Param-*` headers are left alone.
 * @throws GatewayError header_mismatch
 */
export function checkParamHeaders(
  params: readonly HeaderParam[],
  args: string | undefined,
  sent: Readonly<Record<string, string>> | undefined,
): void {
  if (params.length === 0 || sent === undefined) return
  const parsed: unknown = args === undefined ? {} : JSON.parse(args)
  for (const param of params) {
    const value = argumentAt(parsed, param.path)
    const raw = sent[param.header.toLowerCase()]
    const shown = `Mcp-Param-${param.header}`
    if (value === undefined && raw !== undefined)
      throw new GatewayError('header_mismatch', {
        hint: `${shown} was sent, but the argument is absent.`,
      })
    if (value !== undefined && raw === undefined)
      throw new GatewayError('header_mismatch', { hint: `${shown} is missing.` })
    if (value !== undefined && raw !== undefined && !sameValue(decodeHeaderValue(raw), value)) {
      throw new GatewayError('header_mismatch', { hint: `${shown} is not what the body says.` })
    }
  }
}

function sameValue(sent: string | undefined, value: string): boolean {
  if (sent === value) return true
  // 42 and 42.0 are the same integer.
  return (
    sent !== undefined &&
    /^-?\d+(?:\.\d+)?$/.test(sent) &&
    /^-?\d+(?:\.\d+)?$/.test(value) &&
    Number(sent) === Number(value)
  )
}
