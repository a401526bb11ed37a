// What the echo server says, over HTTP and over stdio alike. Both eras.
const modern = '2026-07-28'
const serverInfo = { name: 'bench-echo', version: '1.0.0' }
export const echoTool = {
  name: 'echo',
  description: 'Gives the text back.',
  inputSchema: {
    type: 'object',
    properties: {
      text: { type: 'string', maxLength: 10_000 },
      times: { type: 'integer', minimum: 1 },
    },
    required: ['text'],
    additionalProperties: false,
  },
}

/** A tool of the kind that real servers list: about 700 bytes. */
export function wideTool(index) {
  return {
    name: `operation_${String(index).padStart(4, '0')}`,
    description: `Operation ${index}. ${'Reads or changes one thing of the service, and says what it did. '.repeat(4)}`,
    inputSchema: {
      type: 'object',
      properties: {
        id: { type: 'string', description: 'Which one.' },
        fields: { type: 'array', items: { type: 'string' }, description: 'What to return.' },
        limit: { type: 'integer', minimum: 1, maximum: 100 },
      },
      required: ['id'],
    },
  }
}

/** Result object of a request, or undefined when the method is not known. */
export function resultOf(message, tools) {
  const isModern = message.params?._meta?.['io.modelcontextprotocol/protocolVersion'] !== undefined
  const cache = isModern ? { ttlMs: 60_000, cacheScope: 'public' } : {}
  const kind = isModern
    ? { resultType: 'complete', _meta: { 'io.modelcontextprotocol/serverInfo': serverInfo } }
    : {}
  switch (message.method) {
    case 'server/discover':
      return { supportedVersions: [modern], capabilities: { tools: {} }, ...cache, ...kind }
    case 'initialize':
      return {
        protocolVersion: message.params.protocolVersion,
        capabilities: { tools: {} },
        serverInfo,
      }
    case 'ping':
      return {}
    case 'tools/list':
      return { tools, ...cache, ...kind }
    case 'tools/call': {
      // About 0.2 KB of answer, whatever the era.
      const text = String(message.params.arguments?.text ?? '').padEnd(isModern ? 60 : 120, '.')
      return isModern
        ? { resultType: 'complete', content: [{ type: 'text', text }] }
        : { content: [{ type: 'text', text }] }
    }
    default:
      return undefined
  }
}
