// A simulated provider of `customhouse demo` as a service: node simulator.mjs <region> <port>, and `--ask` in place of the region for its probe.
// The simulator itself listens on loopback only; this passes on what comes from the services' own network.
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const [region = '', port = '9000'] = process.argv.slice(2)
if (region === '--ask') {
  // It answers 404 to what is no call of a model: that it answers is what is asked.
  const answer = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(3000) }).catch(() => null)
  process.exit(answer?.status === 404 ? 0 : 1)
}
const root = '/opt/customhouse'
const { startSimulator } = await import(pathToFileURL(join(root, 'dist/src/cli/demo/simulator.js')).href)
const simulator = await startSimulator({ region, paceMs: 20 })
const { port: inside } = new URL(simulator.origin)
const server = createServer((client) => {
  const upstream = connect(Number(inside), '127.0.0.1')
  client.pipe(upstream).pipe(client)
  client.on('error', () => upstream.destroy())
  upstream.on('error', () => client.destroy())
})
server.listen(Number(port), () => console.log(`simulated provider ${region} listens on ${port}`))
process.on('SIGTERM', () => process.exit(0))
