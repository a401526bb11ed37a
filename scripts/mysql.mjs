// Lays the MySQL server of Debian's unstable branch, with the libraries that it needs, in test/.work/mysql. Debian's
// stable branch has MariaDB only. Nothing is installed: apt works on a state of its own, and the packages are unpacked.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { root } from './project-node.mjs'

const place = join(root, 'test/.work/mysql')
const packageName = 'mysql-server-core'
/** The branch changes under us; a version that nobody looked at must not decide over a build. */
const versions = /Ver 9\.7\./
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** @returns why it is not there, or nothing */
export function layMysql() {
  if (existsSync(join(place, 'mysqld'))) return undefined
  if (!existsSync('/usr/bin/apt-get') || !existsSync(keyring)) return 'this is not Debian'
  const work = `${place}.part`
  rmSync(work, { recursive: true, force: true })
  try {
    return lay(work)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function lay(work) {
  for (const folder of ['lists/partial', 'archives/partial', 'etc', 'debs', 'root'])
    mkdirSync(join(work, folder), { recursive: true })
  const mirror = debianMirror()
  writeFileSync(
    join(work, 'etc/unstable.sources'),
    `Types: deb\nURIs: ${mirror}\nSuites: unstable\nComponents: main\nSigned-By: ${keyring}\n`,
  )
  writeFileSync(join(work, 'status'), '')
  const options = [
    ['Dir::State', work],
    ['Dir::State::Lists', join(work, 'lists')],
    ['Dir::State::status', join(work, 'status')],
    ['Dir::Cache', work],
    ['Dir::Etc::SourceList', '/dev/null'],
    ['Dir::Etc::SourceParts', join(work, 'etc')],
    ['APT::Sandbox::User', 'root'],
    ['Acquire::Retries', '1'],
    ['Acquire::http::Timeout', '30'],
  ].flatMap(([name, value]) => ['-o', `${name}=${value}`])
  const run = (command, args) =>
    spawnSync(command, args, { cwd: join(work, 'debs'), encoding: 'utf8', timeout: 300_000 })
  const updated = run('apt-get', [...options, '-q', 'update'])
  if (updated.status !== 0) return `the list of packages cannot be read: ${updated.stderr}`
  const depends = run('apt-cache', [...options, 'depends', packageName])
  const libraries = [...depends.stdout.matchAll(/^ {2}Depends: ((?:lib|zlib)\S*)$/gm)]
  if (libraries.length === 0) return `there is no package ${packageName}`
  const names = [packageName, ...libraries.map(([, name]) => name)]
  const got = run('apt-get', [...options, '-q', 'download', ...names])
  if (got.status !== 0) return `the packages cannot be had: ${got.stderr}`
  for (const file of readdirSync(join(work, 'debs'))) {
    const unpacked = run('dpkg-deb', ['-x', file, join(work, 'root')])
    if (unpacked.status !== 0) return `${file}: ${unpacked.stderr}`
  }
  // Its own loader and C library: those of this system are older than what it was built for.
  const program = join(work, 'root/mysqld')
  writeFileSync(
    program,
    `#!/bin/sh
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
lib=$(dirname -- "$(ls "$here"/usr/lib/*/libc.so.6)")
exec "$(ls "$lib"/ld-linux*)" --library-path "$lib" "$here/usr/sbin/mysqld" "$@" \\
  "--lc-messages-dir=$here/usr/share/mysql" "--plugin-dir=$here/usr/lib/mysql/plugin" \\
  "--character-sets-dir=$here/usr/share/mysql/charsets"
`,
  )
  chmodSync(program, 0o755)
  const asked = run(program, ['--no-defaults', '--version'])
  if (asked.status !== 0) return `it does not start: ${asked.stderr}`
  if (!versions.test(asked.stdout)) return `no test was written for ${asked.stdout.trim()}`
  renameSync(join(work, 'root'), place)
  return undefined
}

/** Where this system has its packages from. */
function debianMirror() {
  const folder = '/etc/apt/sources.list.d'
  const files = [
    '/etc/apt/sources.list',
    ...(existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []),
  ].filter((file) => existsSync(file))
  const texts = files.map((file) => readFileSync(file, 'utf8')).join('\n')
  const found = /^(?:URIs:|deb(?: \[[^\]]*\])?)\s+(\S+\/debian\/?)\s*(?:$|\s)/m.exec(texts)
  return found?.[1] ?? 'http://deb.debian.org/debian'
}
