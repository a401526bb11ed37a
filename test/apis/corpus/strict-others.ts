/** Strict servers of the other kinds of descriptions, each by the library of others that reads such descriptions. */
import { readdirSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import * as grpc from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import {
  buildClientSchema,
  buildSchema,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  type IntrospectionQuery,
  parse,
  validate,
} from 'graphql'
import { createClientAsync } from 'soap'
import { parse as parseYaml } from 'yaml'
import { z } from 'zod'
import { isSchema, type Schema } from '../round-trip.ts'
import type { StrictJudge } from './desk.ts'
import { misfit, resolverOf } from './fits.ts'

const post = z.object({
  query: z.string(),
  variables: z.record(z.string(), z.unknown()).optional(),
})
const introspection = z.object({ data: z.unknown() })

/** graphql-js: the document is valid, and its variables can be coerced (GraphQL section 6.1.2). */
export function strictGraphql(text: string): StrictJudge {
  const schema = schemaOf(text)
  return {
    judge({ body }, wanted) {
      const { query, variables = {} } = post.parse(JSON.parse(body.toString()))
      const document = parse(query)
      const [error] = validate(schema, document)
      if (error !== undefined) return `document is not valid: ${error.message}`
      const operation = getOperationAST(document)
      if (operation === null || operation === undefined) return 'no single operation: '
      const [root] = operation.selectionSet.selections
      const field = root?.kind === 'Field' ? root.name.value : ''
      if (`${operation.operation} ${field}` !== wanted) return `meets another operation: ${field}`
      const { errors } = getVariableValues(schema, operation.variableDefinitions ?? [], variables)
      const [unfit] = errors ?? []
      return unfit === undefined ? 'ok' : `variables do not fit: ${unfit.message}`
    },
  }
}

function schemaOf(text: string): GraphQLSchema {
  if (!text.trimStart().startsWith('{'))
    return buildSchema(text, { assumeValid: true, assumeValidSDL: true })
  const given: unknown = JSON.parse(text)
  const inner = introspection.safeParse(given).data?.data ?? given
  if (!isIntrospection(inner)) throw new Error('no introspection result')
  return buildClientSchema(inner, { assumeValid: true })
}

function isIntrospection(value: unknown): value is IntrospectionQuery {
  return isSchema(value) && isSchema(value['__schema'])
}

/** `soap`: the body is an input that the description has, and no element in it is unknown there. */
export async function strictSoap(path: string): Promise<StrictJudge> {
  const { wsdl } = await createClientAsync(path, {
    httpClient: {
      request(_url, _data, callback) {
        callback(new Error('nothing is fetched'))
        return new Promise<never>(() => undefined)
      },
    },
  })
  const inputs = new Map<string, Schema>()
  for (const service of members(wsdl.describeServices()))
    for (const port of members(service))
      for (const [name, operation] of Object.entries(port))
        if (isSchema(operation)) {
          const input = isSchema(operation['input']) ? operation['input'] : {}
          inputs.set(name, input)
        }
  return {
    judge({ body }, wanted) {
      const read: unknown = wsdl.xmlToObject(body.toString())
      const content = isSchema(read) && isSchema(read['Body']) ? read['Body'] : undefined
      if (content === undefined) return 'no body of SOAP: '
      const operation = wanted.split(/[\s/.]/).at(-1) ?? wanted
      const input =
        inputs.get(operation) ?? [...inputs].find(([name]) => wanted.includes(name))?.[1]
      if (input === undefined) return `the library knows no such operation: ${wanted}`
      const [element = ''] = Object.keys(content)
      const value = content[element]
      const fault = unknownIn(value, input)
      return fault ? `unknown element: ${element}.${fault}` : 'ok'
    },
  }
}

function members(value: unknown): readonly Schema[] {
  return isSchema(value) ? Object.values(value).filter(isSchema) : []
}

/** All names in the syntax tree of a schema, which the library gives in place of what parts of RPC are. */
function namesIn(tree: unknown, depth = 0): readonly string[] {
  if (!isSchema(tree) || depth > 20) return []
  const children = Array.isArray(tree['children']) ? tree['children'] : []
  const own = typeof tree['$name'] === 'string' ? [tree['$name']] : []
  return [...own, ...children.flatMap((child) => namesIn(child, depth + 1))]
}

/** The first element that the description does not have at its place. */
function unknownIn(value: unknown, known: Schema, depth = 0): string | undefined {
  if (!isSchema(value) || depth > 8) return undefined
  if (isSchema(known['allowedChildren'])) {
    const names = new Set(namesIn(known))
    return Object.keys(value).find((name) => name !== 'attributes' && !names.has(name))
  }
  // Of free content (`xs:any`) and of some elements the library knows nothing.
  if (Object.keys(known).every((name) => name.startsWith('targetN'))) return undefined
  for (const [name, member] of Object.entries(value)) {
    if (name === 'attributes' || name.startsWith('$')) continue
    const form = known[name] ?? known[`${name}[]`]
    if (form === undefined) return name
    for (const one of Array.isArray(member) ? member : [member]) {
      const fault = isSchema(form) ? unknownIn(one, form, depth + 1) : undefined
      if (fault !== undefined) return `${name}.${fault}`
    }
  }
  return undefined
}

export interface GrpcServer extends StrictJudge {
  readonly address: string
}

/** protobufjs and grpc-js: the method is there, and its message can be read. */
export async function strictGrpc(path: string, folder: string): Promise<GrpcServer> {
  const roots = [folder, ...foldersBetween(folder, path)]
  const loaded = loadSync(relative(folder, path), {
    includeDirs: roots,
    longs: String,
    enums: String,
  })
  const server = new grpc.Server()
  let met: string[] = []
  for (const definition of Object.values(loaded)) {
    if ('format' in definition) continue
    const methods = Object.entries(definition).map(([name, { path: method }]) => [
      name,
      (call: unknown, callback?: (error: null, value: object) => void) => {
        met.push(method)
        if (callback !== undefined) callback(null, {})
        else if (call instanceof Object && 'end' in call && typeof call.end === 'function')
          call.end()
      },
    ])
    server.addService(definition, Object.fromEntries(methods))
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
  return {
    address: `grpc://127.0.0.1:${port}`,
    judge(_, wanted) {
      const [first] = met
      met = []
      if (first === undefined) return 'nothing was understood: '
      const plain = (name: string): string => name.replace(/[^A-Za-z0-9]/g, '')
      return plain(first).endsWith(plain(wanted)) ? 'ok' : `meets another operation: ${first}`
    },
    close: () => server.forceShutdown(),
  }
}

function foldersBetween(folder: string, path: string): readonly string[] {
  const folders: string[] = []
  for (let at = dirname(path); at !== folder && at.length > folder.length; at = dirname(at))
    folders.push(at)
  return folders
}

/** By the text alone: the channel is there, and what is sent is one of its messages. */
export function strictAsyncapi(text: string): StrictJudge {
  const document: unknown = text.trimStart().startsWith('{') ? JSON.parse(text) : parseYaml(text)
  const resolve = resolverOf(document)
  const at = (holder: unknown, key: string): Schema => {
    const member = isSchema(holder) ? resolve(holder[key]) : undefined
    return isSchema(member) ? member : {}
  }
  const addresses = Object.entries(at(document, 'channels')).map(([key, given]) => {
    const channel = resolve(given)
    const address =
      isSchema(channel) && typeof channel['address'] === 'string' ? channel['address'] : key
    const messages = [
      ...Object.values(at(channel, 'messages')),
      ...['publish', 'subscribe'].flatMap((verb) => {
        const message = at(at(channel, verb), 'message')
        return Array.isArray(message['oneOf']) ? message['oneOf'] : [message]
      }),
    ].map((one) => resolve(one))
    const form = address.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replace(/\{[^}]*\}/g, '[^?]+')
    return { path: new RegExp(`^(/.*)?/?${form.replace(/^\//, '')}$`), messages }
  })
  return {
    speaks: (operation) => /^(receive|publish)\b/.test(operation),
    judge({ url, body, message }, wanted) {
      const { pathname: path, searchParams } = new URL(url, 'http://localhost')
      // A hub has its channels as topics (Mercure section 5).
      const topic = searchParams.get('topic')
      const met = addresses.filter((one) => one.path.test(topic ?? path))
      if (met.length === 0) return `meets no channel: ${path}`
      if (message !== true) return 'ok'
      const value: unknown = JSON.parse(body.toString())
      const faults = met
        .flatMap((one) => one.messages)
        .map((one) => misfit(value, at(one, 'payload'), resolve))
      return faults.includes(undefined) ? 'ok' : `message does not fit: ${wanted}: ${faults[0]}`
    },
  }
}

/** Files below a folder that have one of the endings. */
export function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder)
    .sort()
    .filter((name) => !name.startsWith('.') && name !== 'node_modules')
    .flatMap((name) => {
      const path = join(folder, name)
      return statSync(path).isDirectory() ? filesBelow(path) : [path]
    })
}
