// Builds toolchain/dist from the Go sources in toolchain/, reproducibly.
//
//   node scripts/build-toolchain.mjs          rebuild the artefact, its provenance and capabilities.json
//   node scripts/build-toolchain.mjs --check  rebuild into a temporary folder and compare with what is committed
//
// Exit codes: 0 done or the same, 1 the build failed, 2 something differs. Without Go, --check still compares the
// hashes of the sources and of the artefact, says that it skipped the rebuild, and exits with 0 if those agree.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib'

if (Number(process.versions.node.split('.')[0]) < 24) {
  console.error(`build-toolchain: needs Node 24 or newer, this is ${process.version}`)
  process.exit(3)
}

const toolchain = join(import.meta.dirname, '..', 'toolchain')
const dist = join(toolchain, 'dist')
const ARTEFACT = 'rego.wasm.br'
const FLAGS = ['-buildmode=c-shared', '-trimpath', '-buildvcs=false', '-ldflags=-s -w -buildid=']

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

function sources() {
  const names = readdirSync(toolchain).filter((name) => /\.go$|^go\.(mod|sum)$|^builtins\.txt$/.test(name))
  return Object.fromEntries(names.sort().map((name) => [name, sha256(readFileSync(join(toolchain, name)))]))
}

function pinned(pattern) {
  return pattern.exec(readFileSync(join(toolchain, 'go.mod'), 'utf8'))?.[1] ?? ''
}

/** The Go that go.mod pins, if it is on this machine; nothing is ever downloaded in its stead. */
function go() {
  const found = spawnSync('go', ['env', 'GOVERSION'], { cwd: toolchain, encoding: 'utf8', env: environment() })
  if (found.error !== undefined) return { absent: 'no go on the PATH' }
  const want = pinned(/^toolchain (\S+)$/m)
  const have = found.stdout.trim()
  return found.status === 0 && have === want
    ? { version: have }
    : { absent: `go.mod pins ${want}, this is ${have || found.stderr.trim()}` }
}

function environment() {
  return {
    ...process.env,
    GOOS: 'wasip1',
    GOARCH: 'wasm',
    GOTOOLCHAIN: 'local',
    GOFLAGS: '',
    GOWASM: '',
    GOEXPERIMENT: '',
    CGO_ENABLED: '0',
    GOWORK: 'off',
  }
}

function compile() {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-toolchain-'))
  try {
    const out = join(folder, 'rego.wasm')
    const built = spawnSync('go', ['build', ...FLAGS, '-o', out, '.'], {
      cwd: toolchain,
      env: environment(),
      stdio: 'inherit',
    })
    if (built.status !== 0) {
      console.error('build-toolchain: go build failed')
      process.exit(1)
    }
    return readFileSync(out)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** capabilities.json as this very wasm answers it. */
async function capabilitiesOf(wasm) {
  const { startReactor } = await import('../src/policy/toolchain/wasi.ts')
  const answer = JSON.parse(startReactor(new WebAssembly.Module(wasm)).call(JSON.stringify({ op: 'capabilities' })))
  if (!answer.ok) {
    console.error(`build-toolchain: ${JSON.stringify(answer.errors)}`)
    process.exit(1)
  }
  return answer.result.capabilities
}

async function build() {
  const { version, absent } = go()
  if (absent !== undefined) {
    console.error(`build-toolchain: cannot build: ${absent}`)
    process.exit(1)
  }
  const wasm = compile()
  const packed = brotliCompressSync(wasm, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_LGWIN]: 24,
      [constants.BROTLI_PARAM_SIZE_HINT]: wasm.length,
    },
  })
  const provenance = {
    opa: pinned(/open-policy-agent\/opa (v\S+)/),
    go: version,
    flags: FLAGS,
    artefact: { file: ARTEFACT, bytes: packed.length, sha256: sha256(packed) },
    wasm: { bytes: wasm.length, sha256: sha256(wasm) },
    sources: sources(),
  }
  const capabilities = join(toolchain, 'capabilities.json')
  writeFileSync(capabilities, JSON.stringify(await capabilitiesOf(wasm), null, 2))
  spawnSync('biome', ['format', '--write', capabilities], { stdio: 'inherit' })
  writeFileSync(join(dist, ARTEFACT), packed)
  writeFileSync(join(dist, 'provenance.json'), `${JSON.stringify(provenance, null, 2)}\n`)
  console.error(
    `build-toolchain: ${ARTEFACT} is ${packed.length} bytes (${wasm.length} unpacked, SHA-256 ${provenance.wasm.sha256})`,
  )
}

async function check() {
  const provenance = JSON.parse(readFileSync(join(dist, 'provenance.json'), 'utf8'))
  const differences = []
  const compare = (what, have, want) => {
    if (have !== want) differences.push(`${what} is ${have}, provenance.json says ${want}`)
  }
  const now = sources()
  for (const name of new Set([...Object.keys(now), ...Object.keys(provenance.sources)])) {
    compare(`SHA-256 of ${name}`, now[name] ?? 'absent', provenance.sources[name] ?? 'nothing')
  }
  compare('the OPA in go.mod', pinned(/open-policy-agent\/opa (v\S+)/), provenance.opa)
  const packed = readFileSync(join(dist, ARTEFACT))
  compare(`SHA-256 of ${ARTEFACT}`, sha256(packed), provenance.artefact.sha256)
  const wasm = brotliDecompressSync(packed)
  compare(`SHA-256 of ${ARTEFACT} unpacked`, sha256(wasm), provenance.wasm.sha256)
  if (
    !isDeepStrictEqual(
      await capabilitiesOf(wasm),
      JSON.parse(readFileSync(join(toolchain, 'capabilities.json'), 'utf8')),
    )
  ) {
    differences.push('capabilities.json is not what the artefact answers')
  }
  const { version, absent } = go()
  if (absent === undefined) {
    compare(`SHA-256 of a fresh build by ${version}`, sha256(compile()), provenance.wasm.sha256)
  } else {
    console.log(`build-toolchain: skipped the rebuild: ${absent}`)
  }
  for (const difference of differences) console.error(`build-toolchain: ${difference}`)
  if (differences.length > 0) process.exit(2)
  console.log(
    absent === undefined ? 'build-toolchain: the artefact is what its sources build' : 'build-toolchain: hashes agree',
  )
}

if (process.argv.slice(2).some((argument) => argument !== '--check')) {
  console.error('usage: node scripts/build-toolchain.mjs [--check]')
  process.exit(3)
}
await (process.argv.includes('--check') ? check() : build())
