/** Why an address cannot be listened on, in a sentence with the way out. */
import type { DesiredState } from '../model/desired-state.ts'

type Place = Pick<DesiredState['listen'], 'host' | 'port'>

/** `code` is what the system said; `addresses` are those of this machine. */
export function listenFault(
  { code, message }: NodeJS.ErrnoException,
  { host, port }: Place,
  addresses: readonly string[],
): string {
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} is in use. Choose another with --port.`
    case 'EADDRNOTAVAIL':
      return `${host} is no address of this machine. Choose one with --host (listen.host in a file): ${addresses.join(', ')}, or 0.0.0.0 for all.`
    case 'EACCES':
    case 'EPERM':
      return `This account may not listen on port ${port}. Choose one from 1024 on with --port, or let a proxy or the service manager have the lower one.`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EINVAL':
      return `"${host}" is neither an address nor a name that is known here. Give --host (listen.host in a file) an address alone, without a port: ${addresses.join(', ')}.`
    default:
      return `It is not possible to listen on ${host}, port ${port}: ${message}.`
  }
}
