import { plainSecrets } from '../../store/plain-secrets.ts'

/** Dotted paths of the secrets that stand in a server's spec as they are, instead of as references. */
export function secretsIn(spec: unknown): readonly string[] {
  return plainSecrets(spec)
}
