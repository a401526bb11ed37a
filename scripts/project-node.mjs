// Finds the Node that the project runs on. Plain JavaScript that runs on Node 20.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Path of Node 24 from npm, else of the running Node when it is 22.18 or newer; throws a sentence otherwise. */
export function projectNode() {
  const require = createRequire(join(root, 'package.json'))
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  try {
    const bin = join(
      dirname(require.resolve(`${name}/package.json`)),
      'bin',
      process.platform === 'win32' ? 'node.exe' : 'node',
    )
    if (existsSync(bin)) return bin
  } catch {
    // No package for this platform: fall through to the running Node.
  }
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath
  throw new Error(
    `The project needs Node 22.18 or newer, and npm has none for ${process.platform}-${process.arch}. Install Node 24 and run the command again.`,
  )
}
