import { copyFileSync, existsSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import type { Target } from '../../src/core/call.ts'
import type { Plugin } from '../../src/core/plugin.ts'
import { readPolicySource } from '../../src/policy/source.ts'
import { openToolchain } from '../../src/policy/toolchain/index.ts'
import { type House, layGround, startHouse } from '../house.ts'
import { openaiAnswer, startRecorder, whole } from '../kit/index.ts'
import { probePolicies } from '../probe.ts'

/** A running gateway that is given one version after another: nothing of those that are gone stays. */

const ACTIVATIONS = Number(process.env.CUSTOMHOUSE_ACTIVATIONS ?? 300)
/** What is there after so many is what there is: engines, caches and connections are warm. */
const WARM = Math.max(50, Math.floor(ACTIVATIONS / 10))
const MB = 1024 * 1024

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** A bundle, written by the compiler inside. */
async function bundleOf(version: string): Promise<Uint8Array> {
  const written = probePolicies(`# version ${version}
satisfied[target.id] := true if {
	input.call.principal.tenant == "claims"
	some target in targets
}

obligations[target.id] := [] if some target in targets`)
  const main = (written['main.rego'] ?? '').replace(/obligations: \[[^\]]*\]/, 'obligations: []')
  const ground = await layGround({ providers: {}, policies: { ...written, 'main.rego': main } })
  const toolchain = openToolchain()
  try {
    const { modules: files, data, digest } = await readPolicySource(ground.policies)
    return (await toolchain.build({ files, data, entrypoints: ['customhouse/decision'], revision: digest })).bundle
  } finally {
    await toolchain.close()
    ground.remove()
  }
}

type Figures = Readonly<{ heapMB: number; rssMB: number; files: number; threads: number }>

const entries = (folder: string): number => (existsSync(folder) ? readdirSync(folder).length : 0)

/** After the collector has run; finalizers and weak references want a turn of the loop. */
async function figures(): Promise<Figures> {
  for (let i = 0; i < 4; i++) {
    collect()
    await new Promise((resolve) => setImmediate(resolve))
  }
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage()
  return {
    heapMB: Math.round((heapUsed + external + arrayBuffers) / MB),
    rssMB: Math.round(rss / MB),
    files: entries('/proc/self/fd'),
    threads: entries('/proc/self/task'),
  }
}

test(`${ACTIVATIONS} activations of a running gateway: memory, files and threads stay as they are, and nothing of old versions is kept`, async () => {
  const folder = join(tmpdir(), `customhouse-activations-${process.pid}`)
  const bundles = await Promise.all(['a', 'b'].map(bundleOf))
  const files = bundles.map((bytes, i) => {
    writeFileSync(`${folder}-${i}`, bytes)
    return `${folder}-${i}`
  })
  const place = `${folder}-active`
  const push = (i: number): void => {
    copyFileSync(files[i % 2] ?? '', `${place}.next`)
    renameSync(`${place}.next`, place)
  }
  push(0)
  /** Targets belong to a generation: as long as one of them is alive, so is what it was made with. */
  const seen: WeakRef<Target>[] = []
  const witness: Plugin = {
    name: 'witness',
    facts: (_, target) => {
      seen.push(new WeakRef(target))
      return {}
    },
  }
  const upstream = await startRecorder({ answer: () => whole(openaiAnswer({ texts: ['fine'] })) })
  const house: House = await startHouse({
    providers: { one: { url: `${upstream.url}/v1` } },
    config: { policy: { bundle: place }, reload: { every: '1h' } },
    plugins: [witness],
  })
  const ask = async (): Promise<string | null> => {
    const answer = await fetch(`${house.baseURL}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${house.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content: 'hello' }] }),
    })
    await answer.text()
    expect(answer.status).toBe(200)
    return answer.headers.get('x-customhouse-policy')
  }
  try {
    const revisions = [await ask(), '']
    let warm: Figures | null = null
    const began = performance.now()
    for (let i = 1; i <= ACTIVATIONS; i++) {
      push(i)
      expect(await house.customhouse.reload()).toMatchObject({ activated: true, restart: [] })
      // Some of them judge a call, and then are gone all the same.
      if (i % 10 === 0 || i === 1) {
        const revision = await ask()
        if (i === 1) revisions[1] = revision
        expect(revision).toBe(revisions[i % 2])
      }
      if (i === WARM) warm = await figures()
      // What the process said is no matter here, and would be the test's own leak.
      if (i % 100 === 0) (house.logged as unknown[]).length = 0
    }
    const each = (performance.now() - began) / ACTIVATIONS
    const end = await figures()
    const alive = seen.filter((one) => one.deref() !== undefined).length
    console.log(
      `${ACTIVATIONS} activations, ${each.toFixed(1)} ms each; after ${WARM} ${JSON.stringify(warm)}, at the end ${JSON.stringify(end)}; ${alive} of ${seen.length} versions alive`,
    )
    expect(seen.length).toBeGreaterThan(ACTIVATIONS / 10)
    expect(alive).toBeLessThanOrEqual(4)
    if (warm === null) throw new Error('there was nothing to compare with')
    // A version's module and memory are some MB: were one in ten kept, it would be far beyond this.
    expect(end.heapMB).toBeLessThan(warm.heapMB + 32)
    expect(end.rssMB).toBeLessThan(warm.rssMB + 128)
    expect(end.files).toBeLessThanOrEqual(warm.files + 2)
    expect(end.threads).toBeLessThanOrEqual(warm.threads + 1)
    const activated = (await house.records()).filter(({ kind }) => kind === 'policy.activated').length
    expect(activated).toBe(ACTIVATIONS + 1)
  } finally {
    await house.stop()
    await upstream.close()
    for (const file of [...files, place]) rmSync(file, { force: true })
  }
}, 3_600_000)
