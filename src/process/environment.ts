/**
 * The environment of a child process: an allow-list, because the gateway's own environment
 * holds the credentials of every other server.
 */
const posixNames = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'TERM', 'LANG', 'TZ', 'TMPDIR']

const windowsNames = [
  'PATH',
  'PATHEXT',
  'SYSTEMROOT',
  'SYSTEMDRIVE',
  'WINDIR',
  'COMSPEC',
  'APPDATA',
  'LOCALAPPDATA',
  'PROGRAMDATA',
  'PROGRAMFILES',
  'PROGRAMFILES(X86)',
  'PROGRAMW6432',
  'COMMONPROGRAMFILES',
  'PROCESSOR_ARCHITECTURE',
  'NUMBER_OF_PROCESSORS',
  'HOMEDRIVE',
  'HOMEPATH',
  'USERPROFILE',
  'USERNAME',
  'TEMP',
  'TMP',
  'TZ',
  'LANG',
]

const ordinaryNames = new Set([...posixNames, ...windowsNames])

/** Whether a variable of this name is plain surroundings, such as PATH, and its value no secret. */
export function isOrdinary(name: string): boolean {
  const upper = name.toUpperCase()
  return ordinaryNames.has(upper) || upper.startsWith('LC_')
}

/**
 * The complete environment of a child: what the allow-list and `inherit` let through of the
 * parent's, then `extra` over it. Exported shell functions are never passed on.
 */
export function childEnvironment(
  parent: Readonly<Record<string, string | undefined>>,
  inherit: readonly string[],
  extra: Readonly<Record<string, string>>,
  platform: NodeJS.Platform = process.platform,
): Record<string, string> {
  const windows = platform === 'win32'
  const fold = (name: string) => (windows ? name.toUpperCase() : name)
  const allowed = new Set([...(windows ? windowsNames : posixNames), ...inherit].map(fold))
  const overridden = new Set(Object.keys(extra).map(fold))
  const entries: [string, string][] = []
  for (const [name, value] of Object.entries(parent)) {
    if (value === undefined || value.startsWith('()') || overridden.has(fold(name))) continue
    if (allowed.has(fold(name)) || (!windows && name.startsWith('LC_'))) entries.push([name, value])
  }
  return Object.fromEntries([...entries, ...Object.entries(extra)])
}
