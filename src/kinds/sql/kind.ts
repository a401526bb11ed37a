/** Databases. What they are is asked of the database itself. */
import { type ApiKindOf, none } from '../kind.ts'

const filePrefix = 'sqlite:'

/** A file of SQLite is named by its path alone, too. */
function databaseUrl(source: string): string {
  return /^[a-z]+:/i.test(source) || source.includes('$' + '{') ? source : filePrefix + source
}

export const sql: ApiKindOf<'sql'> = {
  name: 'sql',
  recognition: {
    ofText: () => undefined,
    // SQLite file format section 1.3: the header string.
    ofBytes: (bytes) =>
      bytes.subarray(0, 16).toString('latin1') === 'SQLite format 3\0'
        ? 'an SQLite database'
        : undefined,
    ofAddress: (address) =>
      /^(postgres|postgresql|mysql|mariadb|sqlite):/i.test(address)
        ? 'the address of a database'
        : undefined,
  },
  hasRoot: false,
  hasAccount: true,
  addressedBy: 'url',
  entry: ({ source, operations }) => ({ sql: { url: databaseUrl(source), ...operations } }),
  located: (spec, absolute) =>
    spec.url.startsWith(filePrefix)
      ? { ...spec, url: filePrefix + absolute(spec.url.slice(filePrefix.length)) }
      : spec,
  address: ({ url }) => url,
  description: () => undefined,
  endpoints: ({ url }) => (url.startsWith(filePrefix) ? [] : [url]),
  targets: none,
  tokens: none,
  executor: async () => (await import('./execute/executor.ts')).createSqlExecutor,
}
