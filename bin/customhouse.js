#!/usr/bin/env node
// Plain JavaScript that any Node can read: on an old one it must still be able to say so.
import { existsSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const NEEDED = 24

async function run() {
  const major = Number(process.versions.node.split('.')[0])
  if (major < NEEDED) {
    process.stderr.write(
      `customhouse needs Node ${NEEDED} or newer; this is Node ${process.versions.node} (${process.execPath}).\n` +
        'On Linux x64 the package brings one along: run it as `npx customhouse`, or from an npm script.\n',
    )
    process.exitCode = 1
    return
  }
  const root = dirname(dirname(realpathSync(fileURLToPath(import.meta.url))))
  const source = join(root, 'src', 'cli', 'main.ts')
  // Node strips no types below node_modules; in a checkout the sources are what is meant, even beside an older build.
  const published = /[\\/]node_modules[\\/]/.test(root) || !existsSync(source)
  const main = published ? join(root, 'dist', 'src', 'cli', 'main.js') : source
  const { runCli } = await import(pathToFileURL(main).href)
  process.exitCode = await runCli(process.argv.slice(2))
}

run().catch((error) => {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  process.exitCode = 1
})
