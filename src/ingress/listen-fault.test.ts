import { expect, it } from 'vitest'
import { listenFault } from './listen-fault.ts'

const say = (code: string): string =>
  listenFault(Object.assign(new Error('of the system'), { code }), { host: 'h', port: 80 }, [
    '127.0.0.1',
  ])

it('every way in which a system refuses an address has a sentence with a way out', () => {
  for (const code of ['EADDRINUSE', 'EACCES', 'EPERM']) expect(say(code)).toContain('--port')
  for (const code of ['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN', 'EINVAL'])
    expect(say(code)).toMatch(/--host.*127\.0\.0\.1/)
  expect(say('EAFNOSUPPORT')).toContain('h, port 80: of the system')
})
