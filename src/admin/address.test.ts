// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references are shown as they are
import { expect, it } from 'vitest'
import { serverSpec } from '../model/desired-state.ts'
import { addressOf } from './address.ts'

it.each([
  [{ http: { url: 'https://u:p@web.example/mcp?key=k' } }, 'https://web.example/mcp?***'],
  [
    { http: { url: 'https://${USER}:${PASS}@web.example/@scope/x' } },
    'https://web.example/@scope/x',
  ],
  [{ openapi: { spec: './pets.yaml' } }, './pets.yaml'],
  [
    { openapi: { spec: 'https://a.example/x?t=k', baseUrl: 'https://b.example' } },
    'https://b.example',
  ],
  [{ openapi: { spec: 'https://a.example/x?t=k' } }, 'https://a.example/x?***'],
  [{ graphql: { url: 'https://a.example/graphql' } }, 'https://a.example/graphql'],
  [{ soap: { wsdl: 'https://a.example/x?wsdl' } }, 'https://a.example/x?***'],
  [{ grpc: { address: 'pets.example:443' } }, 'pets.example:443'],
  [{ asyncapi: { spec: 'a.yaml', url: 'wss://a.example/x' } }, 'wss://a.example/x'],
  [
    { sql: { url: 'postgres://u:p@db.example:5432/crm?sslmode=require' } },
    'postgres://db.example:5432/crm?***',
  ],
  [{ sql: { url: 'postgres://u:p/a@x y@db.example/crm' } }, 'postgres://db.example/crm'],
  [{ sql: { url: '${CRM_URL}' } }, '${CRM_URL}'],
  [{ sql: { url: 'postgres://app:hunter2SECRETA#x@db/x' } }, 'postgres://***'],
  [{ sql: { url: 'postgres://app:12345/SECRETB@db/x' } }, 'postgres://db/x'],
  [{ http: { url: 'https://web.example/mcp?to=a@SECRET' } }, 'https://web.example/mcp?***'],
  [
    {
      http: {
        url: 'https://hooks.slack.com/services/T0123ABCD/B0123ABCD/XXXXXXXXXXXXXXXXXXXXXXXX',
      },
    },
    'https://hooks.slack.com/services/***/***/***',
  ],
  [
    { http: { url: 'http://127.0.0.1:8080/@scope/v1.2/mcp' } },
    'http://127.0.0.1:8080/@scope/v1.2/mcp',
  ],
  [
    {
      stdio: {
        command: 'npx',
        args: [
          '-y',
          '@modelcontextprotocol/server-filesystem@1.2.3',
          './docs',
          '--port',
          '8080',
          '--pin',
          '1234',
        ],
        env: {},
      },
    },
    'npx -y @modelcontextprotocol/server-filesystem@1.2.3 ./docs --port 8080 --pin ***',
  ],
  [
    {
      stdio: { command: 'x', args: ['--from', 'shared-value', 'read'], env: { A: 'shared-value' } },
    },
    'x --from *** read',
  ],
  [{ sql: { url: 'sqlite:./pets.db' } }, 'sqlite:./pets.db'],
  [{ openapi: { spec: '/tmp/run-x8FkQ2/pets.yaml' } }, '/tmp/run-x8FkQ2/pets.yaml'],
  [{ sql: { url: 'sqlite:/srv/a1B2c3D4/pets.db' } }, 'sqlite:/srv/a1B2c3D4/pets.db'],
])('%j is shown as %s', (spec, shown) => {
  expect(addressOf(serverSpec.parse(spec))).toBe(shown)
})
