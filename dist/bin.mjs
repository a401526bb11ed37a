#!/usr/bin/env -S node --max-semi-space-size=8
// A gateway makes much short-lived garbage: a small young generation keeps its memory small under load.
// The launcher is plain JavaScript that an old Node can parse, so that an unsupported runtime
// gets one clear sentence instead of a syntax error from inside the bundle.
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  process.stderr.write(
    `sallyport needs Node 22.18 or newer; this is Node ${process.versions.node}. Install a newer Node and run the command again.\n`,
  )
  process.exit(2)
}
// Compiled code is kept between starts, which halves the time to the first answer (Node >= 22.8).
const { enableCompileCache } = await import('node:module')
enableCompileCache?.()
await import('./sallyport.mjs')
