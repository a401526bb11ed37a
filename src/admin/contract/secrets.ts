import { withReferences } from '../../store/plain-secrets.ts'

/**
 * A copy of a server's spec in which a reference stands in the place of each secret that stood there as it is;
 * `referenceOf` is given its dotted path.
 */
export function referSecrets(
  spec: unknown,
  referenceOf: (path: string, value: string) => string,
): unknown {
  return withReferences(spec, ({ path }, value) => referenceOf(path.join('.'), value))
}
