import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dictionaryLine, readCustom } from '../../plugins/redaction/custom/index.ts'
import { type LoadedPolicy, loadPolicy, requireControls } from '../../src/compose/policy.ts'
import { readPolicySource } from '../../src/policy/source.ts'
import { openToolchain } from '../../src/policy/toolchain/index.ts'
import { ROOT, startHouse, writePolicies } from '../house.ts'
import { openaiAnswer, startRecorder, whole } from '../kit/index.ts'
import { AMERICA, asked, GERMANY, UNKNOWN } from './policies.inputs.ts'

/** What a policy must be to be activated: the same from a folder and from a bundle, and one that can allow something. */

const opa = process.env.CUSTOMHOUSE_OPA
const SHIPPED = join(ROOT, 'policies')
const toolchain = openToolchain()
const root = mkdtempSync(join(tmpdir(), 'customhouse-load-'))
afterAll(async () => {
  await toolchain.close()
  rmSync(root, { recursive: true, force: true })
})

let count = 0
const fresh = (): string => join(root, String(count++))

/** A bundle of a folder, by the compiler inside or by OPA's own binary as docs/policy.md says. */
async function bundleBy(builder: 'toolchain' | 'opa', folder: string): Promise<string> {
  const path = `${fresh()}.tar.gz`
  if (builder === 'opa') {
    const args = ['build', '-t', 'wasm', '-e', 'customhouse/decision', '--ignore', 'schema', '--ignore', '*_test.rego']
    const run = spawnSync(opa ?? '', [...args, '--revision', 'r1', '-o', path, folder], { encoding: 'utf8' })
    expect(run.status, run.stderr).toBe(0)
    return path
  }
  const { modules: files, data } = await readPolicySource(folder)
  const built = await toolchain.build({ files, data, entrypoints: ['customhouse/decision'], revision: 'r1' })
  writeFileSync(path, built.bundle)
  return path
}

const load = (kind: 'source' | 'bundle', path: string): Promise<LoadedPolicy> => loadPolicy({ kind, path }, toolchain)

/** The shipped policies with some files written over them. */
function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = fresh()
  cpSync(SHIPPED, folder, { recursive: true })
  writePolicies(folder, files)
  return folder
}

if (opa === undefined) console.log('skipped for bundles by OPA itself: CUSTOMHOUSE_OPA names no binary')
const builders = ['toolchain', ...(opa === undefined ? [] : (['opa'] as const))] as const

describe('the shipped policies', () => {
  test.each(builders)('demand and decide as a bundle by %s what they do as a folder', async (builder) => {
    const source = await load('source', SHIPPED)
    const bundle = await load('bundle', await bundleBy(builder, SHIPPED))
    expect(source).toMatchObject({ controls: ['models', 'redaction', 'residency', 'routing'] })
    expect({ controls: bundle.controls, obligations: bundle.obligations }).toEqual({
      controls: source.controls,
      obligations: source.obligations,
    })
    expect(bundle.defined).toEqual(source.defined)
    for (const tenant of ['claims', 'research', 'lab', 'nobody']) {
      const input = asked(tenant, [GERMANY, AMERICA, UNKNOWN], {}, source.controls)
      const { targets } = await source.decider.request(input)
      expect((await bundle.decider.request(input)).targets).toEqual(targets)
    }
  })
})

test.each(['source', 'bundle'] as const)('no rule of a %s sees a dictionary, and plugins do', async (kind) => {
  const salt = 'b2c7d0a1e5f64839'
  const dictionaries = { claims: { salt, PERSON: [dictionaryLine('Ada Lovelace', 'PERSON', salt)] } }
  const folder = folderWith({
    'org/redaction.yaml': JSON.stringify({ redaction: { defaults: { profile: 'off' }, tenants: {}, dictionaries } }),
    'controls/seen/seen.rego': `package controls.seen
import data.customhouse.targets
satisfied[target.id] := true if {
	some target in targets
	data.org.redaction.dictionaries
}
obligations[target.id] := [] if some target in targets
`,
  })
  rmSync(join(folder, 'org_redaction_test.rego'))
  const policy = await load(kind, kind === 'source' ? folder : await bundleBy('toolchain', folder))
  const input = asked('claims', [GERMANY], {}, [...policy.controls, 'seen'])
  const { targets } = await policy.decider.request(input)
  expect(targets.get('eu/a')?.reasons.map(({ control }) => control)).toEqual(['seen'])
  expect(policy.data).toMatchObject({ org: { redaction: { dictionaries } } })
  expect(readCustom(policy.data).detectorsFor('claims')).toHaveLength(1)
})

const answer = () => whole(openaiAnswer({ texts: ['fine'] }))

describe('a gateway that serves from a bundle', () => {
  let bundles: Readonly<Record<string, string>>
  beforeAll(async () => {
    bundles = Object.fromEntries(
      await Promise.all(builders.map(async (builder) => [builder, await bundleBy(builder, SHIPPED)] as const)),
    )
  })

  test.each(builders)(
    'denies what the folder denies, though its configuration requires one control only: %s',
    async (builder) => {
      const [upstream, abroad] = await Promise.all([startRecorder({ answer }), startRecorder({ answer })])
      const statuses: number[][] = []
      for (const policy of [{ source: './policies' }, { bundle: bundles[builder] ?? '' }]) {
        const house = await startHouse({
          providers: { far: { url: abroad.url, places: ['US'] }, near: { url: upstream.url } },
          models: { 'gpt-4o': ['near/gpt-4o'], far: ['far/gpt-4o'], auto: ['far/gpt-4o', 'near/gpt-4o'] },
          config: { policy, controls: ['models'] },
        })
        const ask = async (model: string): Promise<number> => {
          const answer = await fetch(`${house.baseURL}/chat/completions`, {
            method: 'POST',
            headers: { authorization: `Bearer ${house.key}`, 'content-type': 'application/json' },
            body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }] }),
          })
          await answer.text()
          return answer.status
        }
        statuses.push([await ask('gpt-4o'), await ask('auto'), await ask('far')])
        await house.stop()
      }
      await Promise.all([upstream.close(), abroad.close()])
      expect(statuses).toEqual([
        [200, 200, 403],
        [200, 200, 403],
      ])
    },
  )
})

describe('a policy is refused', () => {
  const main = async (change: (text: string) => string): Promise<Record<string, string>> => {
    const { modules } = await readPolicySource(SHIPPED)
    return { 'main.rego': change(modules['main.rego'] ?? '') }
  }
  const NONE = /declares no control that must answer.*custom\.controls.*only add/

  test.each<[string, (text: string) => string, RegExp]>([
    ['that declares no controls', (text) => text.replace(/# {3}controls: .*\n/, ''), NONE],
    ['that declares an empty list', (text) => text.replace(/controls: \[.*\]/, 'controls: []'), NONE],
    [
      'that declares something other than a list',
      (text) => text.replace(/controls: \[.*\]/, 'controls: models'),
      /custom\.controls.*must be a list of names/,
    ],
    [
      'that declares obligations that are no names',
      (text) => text.replace(/obligations: \[.*\]/, 'obligations: [1]'),
      /custom\.obligations.*must be a list of names/,
    ],
  ])('%s, as a folder and as a bundle', async (_, change, message) => {
    const folder = folderWith(await main(change))
    const expected = expect.objectContaining({ code: 'ERR_POLICY_BUNDLE', message: expect.stringMatching(message) })
    await expect(load('source', folder)).rejects.toEqual(expected)
    for (const builder of builders)
      await expect(load('bundle', await bundleBy(builder, folder))).rejects.toEqual(expected)
  })

  test.each(['source', 'bundle'] as const)('when a control must answer that it does not have: %s', async (kind) => {
    const folder = folderWith({
      'controls/suspended/suspended.rego': 'package controls.suspended\n\nsatisfied.x := true\n\nobligations.x := []\n',
      'controls/my-own/own.rego': 'package controls["my-own"]\n\nsatisfied.x := true\n\nobligations.x := []\n',
    })
    const policy = await load(kind, kind === 'source' ? folder : await bundleBy('toolchain', folder))
    expect(() => requireControls(policy, ['models', 'my-own', 'suspended'])).not.toThrow()
    expect(() => requireControls(policy, ['models', 'supended'])).toThrow(
      expect.objectContaining({
        code: 'ERR_POLICY_BUNDLE',
        message: expect.stringMatching(/no package data\.controls\.supended.*Is suspended meant\?/),
      }),
    )
    // A package of the tests is none of the policy's.
    expect(() => requireControls(policy, ['broken'])).toThrow(/no package data\.controls\.broken/)
  })

  test('when a control that must answer defines no obligations, or is never satisfied', async () => {
    const policy = await load(
      'source',
      folderWith({
        'controls/bare/bare.rego': 'package controls.bare\n\nsatisfied.x := true\n',
        'controls/mute/mute.rego': 'package controls.mute\n\nobligations.x := []\n',
        'controls/mute/mute_test.rego': 'package controls.mute\n\nsatisfied.x := true\n',
      }),
    )
    expect(() => requireControls(policy, ['bare'])).toThrow(
      /bare defines no obligations.*write obligations\[target\.id\] := \[\] if some target in targets/,
    )
    expect(() => requireControls(policy, ['mute'])).toThrow(/mute defines no satisfied/)
  })

  test('at the start of a gateway, too', async () => {
    await expect(
      startHouse({ providers: { near: { url: 'http://127.0.0.1:9' } }, config: { controls: ['residancy'] } }),
    ).rejects.toThrow(/no package data\.controls\.residancy.*Is residency meant\?/)
  })

  test('whose own tests fail, each named with its place and what was asserted', async () => {
    const folder = folderWith({
      'controls/x/x_test.rego': 'package x_test\n\ntest_one if {\n\tcount(data.org.models.tenants) == 7\n}\n',
    })
    await expect(load('source', folder)).rejects.toThrow(
      /1 of the policy's own \d+ tests fail in .*:\ncontrols\/x\/x_test\.rego:4: x_test\.test_one: count\(data\.org\.models\.tenants\) == 7/,
    )
  })

  test('whose data was changed without the tests that pin it', async () => {
    const models = 'models: { tenants: { claims: { operations: [chat], models: [gpt-4o] } } }\n'
    await expect(load('source', folderWith({ 'org/models.yaml': models }))).rejects.toThrow(
      /org_test\.rego:\d+: org_test\..*\norg_test\.rego pins the choices of org\/\*\.yaml: whoever changes those changes its tests/s,
    )
  })

  test.each([
    ['that is not there', () => join(root, 'nowhere.tar.gz'), /nowhere\.tar\.gz cannot be read \(ENOENT\)/],
    ['that is a folder', () => root, /cannot be read \(EISDIR\)/],
  ])('as a bundle %s', async (_, path, message) => {
    await expect(load('bundle', path())).rejects.toEqual(
      expect.objectContaining({ code: 'ERR_POLICY_BUNDLE', message: expect.stringMatching(message) }),
    )
  })
})
