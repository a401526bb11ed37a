/** What is logged, and how, as the environment says. */
import { UsageError } from './command.ts'
import type { CliPorts } from './ports.ts'

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
const formats = ['pretty', 'json'] as const

export interface LogSettings {
  /** Undefined: as the command wants it. */
  readonly level: (typeof levels)[number] | undefined
  /** Undefined: for people at a terminal, else for programs. */
  readonly format: (typeof formats)[number] | undefined
}

/** @throws UsageError */
export function logSettings(env: CliPorts['env']): LogSettings {
  return {
    level: oneOf(levels, 'SALLYPORT_LOG', env.SALLYPORT_LOG),
    format: oneOf(formats, 'SALLYPORT_LOG_FORMAT', env.SALLYPORT_LOG_FORMAT),
  }
}

function oneOf<T extends string>(words: readonly T[], name: string, given = ''): T | undefined {
  const word = words.find((one) => one === given.toLowerCase())
  if (word === undefined && given !== '')
    throw new UsageError(`${name} is "${given}".`, `It is one of ${words.join(', ')}.`)
  return word
}
