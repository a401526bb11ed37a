/** A server's command line or URL as people may see it: what could be a secret is masked. */
import { mask, movedSecret, plainAddress } from '../kit/plain-address.ts'
import type { ServerKind, ServerSpec, StdioSpec } from '../model/desired-state.ts'
import { placeOf } from '../registry/kinds.ts'

const telling = /token|secret|password|passwd|credential|auth|api[-_]?key|private[-_]?key/i

type AddressedSpec = Pick<ServerSpec, ServerKind>

export function addressOf(spec: AddressedSpec): string {
  const { stdio, http } = spec
  if (stdio !== undefined) return commandLine(stdio)
  return plainAddress(http?.url ?? placeOf(spec) ?? '')
}

function commandLine({ command, args }: Pick<StdioSpec, 'command' | 'args'>): string {
  const shown = args.map((arg, index) => {
    const before = args[index - 1] ?? ''
    if (/^--?\S+$/.test(before) && !before.includes('=') && telling.test(before)) return mask
    const at = arg.indexOf('=')
    if (at > 0 && telling.test(arg.slice(0, at))) return `${arg.slice(0, at + 1)}${mask}`
    return arg.replaceAll(movedSecret, mask)
  })
  return [command, ...shown].join(' ')
}
