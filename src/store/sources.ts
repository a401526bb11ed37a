import { dirname } from 'node:path'
import { readStateFileSync } from '../kit/state-file.ts'
import type { DesiredState } from '../model/desired-state.ts'
import { type Locate, readDeclared } from './declared.ts'
import { type Resolved, resolveSecrets } from './resolve-secrets.ts'
import { storedToDesired } from './stored-to-desired.ts'

/** Reads, merges and resolves desired state. `file`: the declared one, absolute; undefined: everything is stored. */
export function sourcesOf(
  file: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
) {
  const baseFolder = file === undefined ? process.cwd() : dirname(file)
  return {
    file,
    read: readDeclared,
    merge: storedToDesired,
    resolve: (state: DesiredState, locate: Locate): Resolved =>
      resolveSecrets(state, { environment, baseFolder, readFile: readStateFileSync, locate }),
  }
}
