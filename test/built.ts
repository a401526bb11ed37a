/** The built product: what users get. Tests that enter by the public door start this file, never the sources. */
import { fileURLToPath } from 'node:url'

export const builtProgram = fileURLToPath(new URL('../dist/bin.mjs', import.meta.url))
