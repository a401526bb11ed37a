/** A server's command line or URL as people may see it: what could be a secret is masked. */
import { plainAddress } from '../kit/plain-address.ts'
import { plainArgs, plainText, withoutKnown } from '../kit/plain-text.ts'
import type { ServerKind, ServerSpec, StdioSpec } from '../model/desired-state.ts'
import { placeOf } from '../registry/kinds.ts'

/** A file of this machine, which is no address of anybody: whoever reads the list must find it. */
const localPath = /^(?:sqlite:)?(?!\/\/)(?:\.{0,2}[\\/]|[A-Za-z]:[\\/])[^?#]*$/

type AddressedSpec = Pick<ServerSpec, ServerKind>

export function addressOf(spec: AddressedSpec): string {
  const { stdio, http } = spec
  if (stdio !== undefined) return commandLine(stdio)
  const place = http?.url ?? placeOf(spec) ?? ''
  return localPath.test(place) ? place : plainAddress(place)
}

function commandLine({ command, args, env }: Pick<StdioSpec, 'command' | 'args' | 'env'>): string {
  const known = new Set(Object.values(env))
  return [plainText(command), ...plainArgs(args.map((arg) => withoutKnown(arg, known)))].join(' ')
}
