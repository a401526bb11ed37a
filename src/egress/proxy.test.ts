import { expect, test } from 'vitest'
import { GatewayError } from '../model/refusal.ts'
import { proxyFor } from './proxy.ts'

const proxy = 'http://proxy.example:3128'
const goes = (url: string, list: string): boolean =>
  proxyFor(new URL(url), { HTTP_PROXY: proxy, HTTPS_PROXY: proxy, NO_PROXY: list }) === undefined

test.each([
  // A name, and what it ends in.
  ['example.com', 'http://example.com/', true],
  ['example.com', 'http://api.example.com/', true],
  ['example.com', 'http://notexample.com/', false],
  ['example.com', 'http://example.com.evil.test/', false],
  ['.example.com', 'http://example.com/', true],
  ['.example.com', 'http://a.b.example.com/', true],
  ['.example.com', 'http://notexample.com/', false],
  ['*.example.com', 'http://api.example.com/', true],
  ['*.example.com', 'http://notexample.com/', false],
  ['EXAMPLE.Com', 'http://api.example.com/', true],
  ['example.com.', 'http://example.com/', true],
  ['example.com', 'http://example.com./', true],
  ['bücher.example', 'http://xn--bcher-kva.example/', true],
  ['localhost', 'http://localhost:8080/', true],
  ['localhost', 'http://127.0.0.1/', false],
  // A port.
  ['example.com:8443', 'https://example.com:8443/', true],
  ['example.com:8443', 'https://api.example.com:8443/', true],
  ['example.com:8443', 'https://example.com/', false],
  ['example.com:443', 'https://example.com/', true],
  ['example.com:80', 'http://example.com/', true],
  ['10.0.0.1:8080', 'http://10.0.0.1:8080/', true],
  ['10.0.0.1:8080', 'http://10.0.0.1:8081/', false],
  ['[::1]:8080', 'http://[::1]:8080/', true],
  ['[::1]:8080', 'http://[::1]/', false],
  // Addresses and ranges.
  ['10.0.0.1', 'http://10.0.0.1/', true],
  ['10.0.0.1', 'http://10.0.0.10/', false],
  ['0.0.1', 'http://10.0.0.1/', false],
  ['127.0.0.1', 'http://0x7f.1/', true],
  ['::1', 'http://[::1]/', true],
  ['[::1]', 'http://[0:0:0:0:0:0:0:1]/', true],
  ['2001:DB8::1', 'http://[2001:db8::1]/', true],
  ['127.0.0.1', 'http://[::ffff:127.0.0.1]/', true],
  ['10.0.0.0/8', 'http://10.255.0.1/', true],
  ['10.0.0.0/8', 'http://11.0.0.1/', false],
  ['10.0.0.0/8', 'http://ten.example.com/', false],
  ['fd00::/8', 'http://[fd12::1]/', true],
  ['fd00::/8', 'http://[fe80::1]/', false],
  ['10.0.0.0/99', 'http://10.0.0.1/', false],
  // Lists, all, none.
  ['a.test, example.com', 'http://example.com/', true],
  ['a.test example.com', 'http://example.com/', true],
  [' ,, a.test ,', 'http://example.com/', false],
  ['*', 'http://example.com/', true],
  ['a.test,*', 'http://10.0.0.1/', true],
  ['', 'http://example.com/', false],
  ['.', 'http://example.com/', false],
  ['*.', 'http://example.com/', false],
  [':80', 'http://example.com/', false],
  ['/', 'http://example.com/', false],
  ['http://example.com', 'http://example.com/', false],
])('NO_PROXY=%s: %s goes directly: %s', (list, url, directly) => {
  expect(goes(url, list)).toBe(directly)
})

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`

test.each([
  ['proxy.example:3128', 'http://proxy.example:3128', 'proxy.example:3128', undefined],
  ['proxy.example', 'http://proxy.example', 'proxy.example:80', undefined],
  ['https://proxy.example', 'https://proxy.example', 'proxy.example:443', undefined],
  ['http://proxy.example:3128/ignored?x', proxy, 'proxy.example:3128', undefined],
  ['http://[::1]:3128', 'http://[::1]:3128', '[::1]:3128', undefined],
  ['http://me:pass@proxy.example:3128', proxy, 'proxy.example:3128', basic('me:pass')],
  ['me:pass@proxy.example:3128', proxy, 'proxy.example:3128', basic('me:pass')],
  ['http://me@proxy.example:3128', proxy, 'proxy.example:3128', basic('me:')],
  ['http://:token@proxy.example:3128', proxy, 'proxy.example:3128', basic(':token')],
  ['http://m%40e:p%3A%2Fs@proxy.example:3128', proxy, 'proxy.example:3128', basic('m@e:p:/s')],
  ['http://me:100%@proxy.example:3128', proxy, 'proxy.example:3128', basic('me:100%')],
  ['http://me:gr%C3%BCn@proxy.example:3128', proxy, 'proxy.example:3128', basic('me:grün')],
])('%s is the proxy %s', (text, origin, host, authorization) => {
  const headers = authorization === undefined ? {} : { 'proxy-authorization': authorization }
  expect(proxyFor(new URL('http://example.com/'), { HTTP_PROXY: text })).toEqual({
    origin,
    host,
    headers,
  })
})

test.each([
  [{ http_proxy: 'lower:1', HTTP_PROXY: 'upper:1' }, 'http://x.test/', 'lower:1'],
  [{ http_proxy: '', HTTP_PROXY: 'upper:1' }, 'http://x.test/', 'upper:1'],
  [{ HTTP_PROXY: 'plain:1' }, 'https://x.test/', undefined],
  [{ HTTPS_PROXY: 'tls:1' }, 'http://x.test/', undefined],
  [{ HTTPS_PROXY: 'tls:1', HTTP_PROXY: 'plain:1' }, 'https://x.test/', 'tls:1'],
  [{ HTTP_PROXY: 'p:1', no_proxy: 'x.test', NO_PROXY: 'y.test' }, 'http://y.test/', 'p:1'],
  [{ HTTP_PROXY: 'p:1', no_proxy: '', NO_PROXY: 'y.test' }, 'http://y.test/', undefined],
  [{ HTTP_PROXY: 'p:1' }, 'ws://x.test/', undefined],
])('%j sends %s to %s', (environment, url, host) => {
  expect(proxyFor(new URL(url), environment)?.host).toBe(host)
})

test.each(['socks5://proxy.example:1080', 'http://', 'http://proxy.example:99999', 'a b'])(
  '%s is refused with the name of the variable, and not told',
  (text) => {
    let fault: unknown
    try {
      proxyFor(new URL('https://example.com/'), { https_proxy: text })
    } catch (thrown) {
      fault = thrown
    }
    expect(fault).toBeInstanceOf(GatewayError)
    expect(String(fault)).toContain('https_proxy')
    expect(String(fault)).not.toContain(text)
  },
)
