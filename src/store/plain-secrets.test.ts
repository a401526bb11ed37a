// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to secrets are what is tested
import { expect, it } from 'vitest'
import { plainSecrets } from './plain-secrets.ts'

it.each([
  [
    { http: { url: 'https://x', headers: { 'X-Api-Key': 'k', Accept: 'a' } } },
    ['http.headers.X-Api-Key'],
  ],
  [{ openapi: { spec: 'a', headers: { Authorization: 'k' } } }, ['openapi.headers.Authorization']],
  [{ stdio: { command: 'a', env: { TOKEN: 't', LANG: 'C' } } }, ['stdio.env.TOKEN']],
  [{ credential: { bearer: 't' } }, ['credential.bearer']],
  [{ credential: { header: 'X-Key', value: 't' } }, ['credential.value']],
  [{ credential: { basic: { username: 'u', password: 'p' } } }, ['credential.basic.password']],
  [{ credential: { query: { name: 'key', value: 'v' } } }, ['credential.query.value']],
  [{ credential: { cookie: { name: 'sid', value: 'v' } } }, ['credential.cookie.value']],
  [
    { credential: { oauth: { clientId: 'i', clientSecret: 's', scopes: ['a'] } } },
    ['credential.oauth.clientSecret'],
  ],
  [
    { credential: { bearer: '${T}', tls: { ca: 'c', cert: 'file:a', key: 'k' } } },
    ['credential.tls.ca', 'credential.tls.key'],
  ],
  [
    {
      credential: {
        schemes: { name: { bearer: 't' }, 'a.b': { query: { name: 'k', value: 'v' } } },
      },
    },
    ['credential.schemes.name.bearer', 'credential.schemes.a.b.query.value'],
  ],
  [
    { soap: { wsdl: 'a', security: { username: 'u', password: 'p', type: 'digest' } } },
    ['soap.security.password'],
  ],
  [{ sql: { url: 'postgres://u:p@db/x' } }, ['sql.url']],
  [{ sql: { url: 'postgres://u@db/x' } }, []],
  [{ sql: { url: 'postgres://u:${PASSWORD}@db/x' } }, []],
  [{ sql: { url: 'file:/secrets/url' } }, []],
  [{ sql: { url: 'sqlite:/data/a.db' } }, []],
  [{ credential: { bearer: '$${T}' } }, ['credential.bearer']],
  [undefined, []],
])('%j', (spec, paths) => {
  expect(plainSecrets(spec)).toEqual(paths)
})
