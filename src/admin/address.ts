/** A server's command line or URL as people may see it: what could be a secret is masked. */
import { plainAddress } from '../kit/plain-address.ts'
import { plainArgs, plainText, withoutKnown } from '../kit/plain-text.ts'
import type { ServerKind, ServerSpec, StdioSpec } from '../model/desired-state.ts'
import { placeOf } from '../registry/kinds.ts'

type AddressedSpec = Pick<ServerSpec, ServerKind>

export function addressOf(spec: AddressedSpec): string {
  const { stdio, http } = spec
  if (stdio !== undefined) return commandLine(stdio)
  return plainAddress(http?.url ?? placeOf(spec) ?? '')
}

function commandLine({ command, args, env }: Pick<StdioSpec, 'command' | 'args' | 'env'>): string {
  const known = new Set(Object.values(env))
  return [plainText(command), ...plainArgs(args.map((arg) => withoutKnown(arg, known)))].join(' ')
}
