/** Faults of an answer in words of the command: people gave options and arguments, no paths of a configuration. */
import type { Command } from 'commander'
import { AdminError, type IssueView } from '../admin/contract/errors.ts'

/** What members of an entry are called on the command line, where the name of an option does not say it. */
export type Words = Readonly<Record<string, string>>

/** Issues that have a place in a file stay as they are. */
export function inWords(error: AdminError, command: Command, words: Words | undefined): AdminError {
  const wordOf = (path: string): string => wordFor(path, command, words ?? {}) ?? path
  const issues = error.issues.map((issue) =>
    issue.file === undefined
      ? { ...issue, path: withValue(wordOf(issue.path), issue, command) }
      : issue,
  )
  // What is wrong with a server that is being added is one sentence, which begins with the place.
  const message =
    words === undefined
      ? error.message
      : error.message.replace(
          /^((?:[a-z][a-z0-9-]*: )?)([a-z]\w*(?:\.[^\s.:]+)*)(?=: )/i,
          (_, name: string, path: string) => `${name}${wordOf(path)}`,
        )
  const { code, wayOut, cause } = error
  const told = new AdminError(code, message, wayOut, { issues, cause })
  told.name = error.name
  return told
}

/** The option or argument that gave the first step of a path that has one. */
function wordFor(path: string, command: Command, words: Words): string | undefined {
  // What an operation writes travels in a member of this name.
  for (const step of path.replace(/^spec\./, '').split('.')) {
    const word = words[step]
    if (word !== undefined) return word
    const flag = `--${step.replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`
    const option = command.options.find(({ long }) => long === flag || `${long}s` === flag)
    if (option?.long !== undefined && option.long !== null) return option.long
    const argument = command.registeredArguments.find((one) => one.name() === step)
    if (argument !== undefined) return step.toUpperCase()
  }
  return undefined
}

/** Of several values of an option, the one that is meant. */
function withValue(word: string, { path }: IssueView, command: Command): string {
  const index = /\.(\d+)$/.exec(path)?.[1]
  const option = command.options.find(({ long }) => long === word)
  const given: unknown = option === undefined ? undefined : command.opts()[option.attributeName()]
  // Others may hold secrets.
  const value: unknown = index !== undefined && Array.isArray(given) ? given[Number(index)] : ''
  return typeof value === 'string' && value !== '' ? `${word} ${JSON.stringify(value)}` : word
}
