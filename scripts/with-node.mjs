// Runs a script on the project's own Node (from npm), or on the current one if that is new enough.
import { spawnSync } from 'node:child_process'
import { projectNode } from './project-node.mjs'

const [script, ...args] = process.argv.slice(2)
const result = spawnSync(projectNode(), [script, ...args], { stdio: 'inherit' })
process.exit(result.status ?? 1)
