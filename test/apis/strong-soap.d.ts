declare module 'strong-soap' {
  import type { Server } from 'node:http'

  interface SoapServer {
    log: ((type: string, data: unknown) => void) | undefined
    authenticate: ((security: unknown) => boolean) | undefined
  }
  export const soap: {
    listen(
      server: Server,
      options: { path: string; services: object; xml: string; uri: string },
    ): SoapServer
    passwordDigest(nonce: string, created: string, password: string): string
  }
}
