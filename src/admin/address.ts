/** A server's command line or URL as people may see it: what could be a secret is masked. */
import type { HttpSpec, ServerSpec, StdioSpec } from '../model/desired-state.ts'

const telling = /token|secret|password|passwd|credential|auth|api[-_]?key|private[-_]?key/i
const mask = '***'

export function addressOf(spec: Pick<ServerSpec, 'stdio' | 'http'>): string {
  if (spec.stdio !== undefined) return commandLine(spec.stdio)
  return spec.http === undefined ? '' : plainUrl(spec.http)
}

function commandLine({ command, args }: Pick<StdioSpec, 'command' | 'args'>): string {
  const shown = args.map((arg, index) => {
    const before = args[index - 1] ?? ''
    if (/^--?\S+$/.test(before) && !before.includes('=') && telling.test(before)) return mask
    const at = arg.indexOf('=')
    if (at > 0 && telling.test(arg.slice(0, at))) return `${arg.slice(0, at + 1)}${mask}`
    return arg
  })
  return [command, ...shown].join(' ')
}

/** Without user, password and the values of the query. */
function plainUrl({ url }: Pick<HttpSpec, 'url'>): string {
  if (!URL.canParse(url)) return url.replace(/\?.*$/s, `?${mask}`)
  const { protocol, host, pathname, search } = new URL(url)
  return `${protocol}//${host}${pathname}${search === '' ? '' : `?${mask}`}`
}
