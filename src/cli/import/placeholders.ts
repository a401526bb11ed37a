/** `${...}` of other products in our form. */
import { Skip, type Surroundings } from './entry.ts'

const variable = /^[A-Za-z_][A-Za-z0-9_]*$/

/**
 * VS Code and Cursor: `${env:NAME}`, `${input:id}`, `${workspaceFolder}`, `${userHome}`. Claude Code: `${NAME}`
 * and `${NAME:-default}`. Anything else cannot be taken over.
 */
export function translate(text: string, around: Surroundings, warnings: string[]): string {
  return text.replaceAll(/\$\{([^}]*)\}?/g, (whole, inner: string) => {
    const [kind = '', rest = ''] = splitFirst(inner, ':')
    if (variable.test(inner)) return workspace(inner, around) ?? reference(inner)
    if (kind === 'env' && variable.test(rest)) return reference(rest)
    if (kind === 'input') return asked(rest, warnings)
    if (inner === '/' || inner === 'pathSeparator') return '/'
    if (variable.test(kind) && rest.startsWith('-')) {
      if (around.variables[kind] !== undefined) return reference(kind)
      warnings.push(`${kind} is not set, so its default stands in its place`)
      return rest.slice(1)
    }
    throw new Skip(`${whole} means nothing here`)
  })
}

/** A reference in our form. */
export function reference(name: string): string {
  return `\${${name}}`
}

/** Name of the variable that stands for something that an editor would have asked for. */
export function variableFor(text: string): string {
  const name = text
    .replaceAll(/[^A-Za-z0-9]+/g, '_')
    .replaceAll(/^_+|_+$/g, '')
    .toUpperCase()
  return /^[A-Z]/.test(name) ? name : `VALUE_${name}`
}

function asked(id: string, warnings: string[]): string {
  const name = variableFor(id)
  const text = `the editor asked for "${id}"; set the variable ${name} for the gateway`
  if (!warnings.includes(text)) warnings.push(text)
  return reference(name)
}

function workspace(name: string, { folder, home }: Surroundings): string | undefined {
  if (name === 'userHome') {
    if (home === undefined) throw new Skip('the home folder is not known')
    return home
  }
  if (name === 'workspaceFolder' || name === 'workspaceRoot')
    return folder.replace(/[\\/]\.(vscode|cursor)$/, '')
  return undefined
}

function splitFirst(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}
