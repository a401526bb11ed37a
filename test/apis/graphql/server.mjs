// A GraphQL service as others write them: mercurius on fastify, with its own graphql 16. Run as a process of its own;
// prints its port, and on each line of stdin what it has seen so far.
import { createInterface } from 'node:readline'
import Fastify from 'fastify'
import mercurius from 'mercurius'

const schema = `
  """An instant, RFC 3339"""
  scalar DateTime
  scalar BigInt
  scalar JSON
  scalar Opaque
  enum Color { RED GREEN BLUE }
  input Range { from: Int = 1, to: Int! }
  "A filter of filters"
  input Filter { text: String, color: Color, range: Range, and: [Filter!], not: Filter }
  interface Named { name: String! }
  type User implements Named {
    id: ID!
    name: String!
    color: Color
    friends(first: Int): UserConnection
    best: User
    secretly: String @deprecated(reason: "gone")
    needs(x: Int!): String
  }
  type Robot implements Named { name: String! model: Int! owner: User }
  union Thing = User | Robot
  type Level { id: ID! value: Float! unit: String }
  type Remark { id: ID value: String! by: [String!] }
  union Reading = Level | Remark
  type PageInfo { hasNextPage: Boolean! endCursor: String }
  type UserEdge { cursor: String! node: User }
  type UserConnection { totalCount: Int! edges: [UserEdge!]! pageInfo: PageInfo! }
  type Echo { text: String filter: String when: DateTime big: BigInt any: JSON opaque: Opaque tags: [String!] color: Color ids: [ID!] matrix: [[Float]] }
  type Partial { good: String! bad: String }
  type Query {
    "One user by id"
    user(id: ID!): User
    users(first: Int = 2, after: String): UserConnection!
    things: [Thing!]!
    named: [Named!]!
    echo(text: String, filter: Filter, when: DateTime, big: BigInt, any: JSON, opaque: Opaque, tags: [String!], color: Color = GREEN, ids: [ID!], matrix: [[Float]], old: String @deprecated): Echo
    color: Color
    fails(why: String!): String
    partial: Partial
    slow(ms: Int!): String
    big(bytes: Int!): String
    whoami: String
    guarded: String
    books(first: Int! = 2, color: Color! = GREEN): [String!]!
    readings: [Reading!]!
  }
  type Mutation {
    "Creates a user."
    createUser(name: String!, color: Color): User!
    deleteUser(id: ID!): Boolean!
    user(id: ID!, name: String!): User
    rename(id: ID!, name: String! = "Nobody"): User
  }
  type Tick { n: Int! at: DateTime big: BigInt text: String }
  type Subscription {
    ticks(to: Int!, everyMs: Int = 5, limit: String): Tick
    forever: Tick
    failing: Tick
    tocks(to: Int! = 2): Tick
    whoami: String
  }
`

const users = new Map([
  ['1', { id: '1', name: 'Ada', color: 'RED' }],
  ['2', { id: '2', name: 'Bob', color: null }],
  ['3', { id: '3', name: 'Cleo', color: 'BLUE' }],
])
const seen = { requests: 0, mutations: 0, slow: 0, stopped: 0, streams: 0, documents: [] }
const connection = ({ first = 2, after }) => {
  const all = [...users.values()]
  const from = after == null ? 0 : all.findIndex((user) => user.id === after) + 1
  const page = all.slice(from, from + first)
  return {
    totalCount: all.length,
    edges: page.map((node) => ({ cursor: node.id, node })),
    pageInfo: { hasNextPage: from + first < all.length, endCursor: page.at(-1)?.id ?? null },
  }
}
async function* ticks(to, everyMs) {
  seen.streams++
  try {
    for (let n = 1; n <= to; n++) {
      await new Promise((resolve) => setTimeout(resolve, everyMs))
      yield { n, big: '12345678901234567890', text: `tick ${n}` }
    }
  } finally {
    seen.streams--
  }
}

const app = Fastify({ bodyLimit: 10_000_000 })
app.register(mercurius, {
  schema,
  resolvers: {
    Thing: { resolveType: (thing) => ('model' in thing ? 'Robot' : 'User') },
    Reading: { resolveType: ({ value }) => (typeof value === 'number' ? 'Level' : 'Remark') },
    Named: { resolveType: (thing) => ('model' in thing ? 'Robot' : 'User') },
    User: { friends: (_, args) => connection(args), best: () => users.get('1'), needs: () => 'x' },
    Query: {
      user: (_, { id }) => users.get(id) ?? null,
      users: (_, args) => connection(args),
      things: () => [users.get('1'), { name: 'R2', model: 2, owner: users.get('2') }],
      named: () => [users.get('1'), { name: 'R2', model: 2, owner: users.get('2') }],
      echo: (_, args) => ({
        ...args,
        filter: args.filter === undefined ? null : JSON.stringify(args.filter),
      }),
      color: () => 'GREEN',
      fails: (_, { why }) => {
        throw new mercurius.ErrorWithProps(why, { code: 'TEAPOT', argumentName: 'why' })
      },
      partial: () => ({
        good: 'yes',
        bad: () => {
          throw new Error('no luck')
        },
      }),
      slow: async (_, { ms }, { reply }) => {
        seen.slow++
        reply.raw.once('close', () => {
          if (!reply.raw.writableFinished) seen.stopped++
        })
        await new Promise((resolve) => setTimeout(resolve, ms).unref())
        return 'done'
      },
      big: (_, { bytes }) => 'x'.repeat(bytes),
      books: (_, { first, color }) => Array.from({ length: first }, (_, at) => `${color} ${at}`),
      readings: () => [
        { id: 1, value: 2.5, unit: 'm' },
        { id: null, value: 'wet', by: ['Ada'] },
      ],
      whoami: (_, __, { reply }) => reply.request.headers.authorization ?? null,
      guarded: (_, __, { reply }) => {
        const { authorization } = reply.request.headers
        if (authorization === `Bearer ${process.argv[2]}`) return 'in'
        throw new Error(`no entry with the credential ${authorization}`)
      },
    },
    Mutation: {
      createUser: (_, { name, color }) => {
        seen.mutations++
        const user = { id: String(users.size + 1), name, color: color ?? null }
        users.set(user.id, user)
        return user
      },
      deleteUser: (_, { id }) => {
        seen.mutations++
        return users.delete(id)
      },
      rename: (_, { id, name }) => ({ id, name, color: null }),
      user: (_, { id, name }) => Object.assign(users.get(id) ?? {}, { name }),
    },
    Subscription: {
      ticks: {
        subscribe: (_, { to, everyMs }) => ticks(to, everyMs),
        resolve: (tick) => tick,
      },
      tocks: { subscribe: (_, { to }) => ticks(to, 5), resolve: (tick) => tick },
      forever: { subscribe: () => ticks(1_000_000, 20), resolve: (tick) => tick },
      failing: {
        subscribe: () => ticks(1, 1),
        resolve: () => {
          throw new Error('cannot tick')
        },
      },
      whoami: {
        subscribe: () => ticks(1, 1),
        resolve: (_, __, context) => `${context.upgrade ?? ''}|${context.payload ?? ''}`,
      },
    },
  },
  subscription: {
    fullWsTransport: true,
    context: (_connection, request) => ({ upgrade: request.headers.authorization }),
    onConnect: ({ payload }) => ({ payload: payload?.authorization }),
  },
})
app.addHook('preHandler', async (request) => {
  seen.requests++
  if (typeof request.body?.query === 'string')
    seen.documents = [...seen.documents, request.body.query].slice(-3)
})

await app.listen({ host: '127.0.0.1', port: 0 })
process.stdout.write(`${JSON.stringify({ port: app.server.address().port })}\n`)
createInterface({ input: process.stdin })
  .on('line', () => process.stdout.write(`${JSON.stringify(seen)}\n`))
  .on('close', () => process.exit(0))
