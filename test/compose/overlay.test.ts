import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Json } from '../../src/core/json.ts'
import { type House, startHouse } from '../house.ts'
import { converseAnswer, type Recorder, startRecorder, whole } from '../kit/index.ts'
import { CASES, probePolicies } from '../probe.ts'

/** Files that an operator lays over the catalogue: read, looked at, and never half in force. */

const CLAUDE = 'eu.anthropic.claude-sonnet-4-5-20250929-v1:0'
const head = { version: 2, as_of: '2026-11-20', sources: { aws: 'GetInferenceProfile of our own account' } }
const profile = (...regions: readonly string[]) => ({
  ...head,
  bedrock: { imported: { 'eu-central-1': { [CLAUDE]: { regions, source: 'aws' } } } },
})
const row = (change: Readonly<Record<string, unknown>>) => ({
  ...head,
  bedrock: { imported: { 'eu-central-1': { [CLAUDE]: { regions: ['eu-central-1'], source: 'aws', ...change } } } },
})
const GOOD = profile('eu-central-1')

const probed = probePolicies(CASES)
/** Small: they are compiled at each start. What nobody knows is refused before any policy. */
const policies = {
  ...probed,
  'main.rego': (probed['main.rego'] ?? '').replace(/obligations: \[probe[^\]]*\]/, 'obligations: [stream.hold]'),
}
const folder = mkdtempSync(join(tmpdir(), 'customhouse-overlay-'))
const file = join(folder, 'own.json')
const lay = (content: unknown): void =>
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content))
let upstream: Recorder
let house: House

const options = (every: string) => ({
  providers: {},
  policies,
  models: { 'claude-sonnet-4-5': [`frankfurt/${CLAUDE}`] },
  config: {
    reload: { every },
    residency: { catalogue: [file] },
    providers: {
      frankfurt: {
        kind: 'bedrock',
        region: 'eu-central-1',
        base_url: upstream.url,
        residency: { endpoint: ['DE'], processing: ['DE'], storage: ['DE'] },
      },
    },
  } satisfies Record<string, Json>,
})

beforeAll(async () => {
  upstream = await startRecorder({ answer: () => whole(converseAnswer({ texts: ['fine'] })) })
  lay(GOOD)
  house = await startHouse(options('1h'))
}, 60_000)
afterAll(async () => {
  await house?.stop()
  await upstream?.close()
  rmSync(folder, { recursive: true, force: true })
})

const ask = (of: House = house): Promise<Response> =>
  fetch(`${of.customhouse.data}/bedrock/model/claude-sonnet-4-5/converse`, {
    method: 'POST',
    headers: { authorization: `Bearer ${of.key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [{ role: 'user', content: [{ text: 'hello' }] }] }),
  })
/** Where the last call that was sent could run, as the ledger has it. */
async function ran(of: House = house): Promise<Json | undefined> {
  const intent = (await of.trail()).findLast(({ kind }) => kind === 'call.intent')
  const target: unknown = intent?.body.target
  return Object(Object(target).residency).processing
}

test('an overlay is in force at the start, and another one after a reload', async () => {
  expect((await ask()).status).toBe(200)
  expect(await ran()).toEqual(['DE'])
  lay(profile('eu-central-1', 'eu-west-3'))
  expect(await house.customhouse.reload()).toMatchObject({ activated: true })
  expect((await ask()).status).toBe(200)
  expect(await ran()).toEqual(['DE', 'FR'])
})

test('a profile that is said to run anywhere is sent nowhere', async () => {
  lay(row({ regions: null }))
  expect(await house.customhouse.reload()).toMatchObject({ activated: true })
  const sent = upstream.requests.length
  expect((await ask()).status).toBe(403)
  expect(upstream.requests.length).toBe(sent)
})

const IMPORTED = `own\\.json: bedrock\\.imported\\.eu-central-1/${CLAUDE.replaceAll('.', '\\.')}`
const BROKEN: readonly (readonly [string, () => void, RegExp])[] = [
  ['text that is no JSON', () => lay('{"version": 2,'), /residency\.catalogue\[0\]: own\.json/],
  [
    'a member that stands twice',
    () => lay(JSON.stringify(GOOD).replace('"version"', '"version":2,"version"')),
    /catalogue\[0\]: own\.json/,
  ],
  ['another version', () => lay({ ...GOOD, version: 1 }), /residency\.catalogue: own\.json must have "version": 2/],
  ['a part that is none', () => lay({ ...GOOD, entrys: {} }), /own\.json: "entrys" is no part/],
  ['a region that is none', () => lay(profile('eu-central-9')), new RegExp(`${IMPORTED}.*eu-central-9`)],
  [
    'a region of another partition',
    () => lay(profile('us-gov-west-1')),
    new RegExp(`${IMPORTED}: us-gov-west-1 is no region of the partition`),
  ],
  ['no region', () => lay(profile()), new RegExp(`${IMPORTED}: regions must name at least one`)],
  ['a row without a source', () => lay(row({ source: 'hearsay' })), new RegExp(`${IMPORTED} must say its "source"`)],
  ['a row of no day', () => lay(row({ as_of: '2026-02-30' })), new RegExp(`${IMPORTED} must say "as_of"`)],
  ['a stray member', () => lay(row({ region: 'eu-central-1' })), new RegExp(`${IMPORTED} has "region"`)],
  ['a place that is none', () => lay({ ...head, groups: { home: ['EU'] } }), /own\.json: group home names "EU"/],
  [
    'an entry at a host of another one',
    () =>
      lay({
        ...head,
        entries: {
          'own/eu': { hosts: ['eu.api.openai.com'], endpoint: ['DE'], processing: ['DE'], storage: [], source: 'aws' },
        },
      }),
    /eu\.api\.openai\.com stands in two entries/,
  ],
  ['nothing: it is gone', () => unlinkSync(file), /catalogue\[0\]: own\.json cannot be read \(ENOENT\)/],
  [
    'more than 16 MiB',
    () => truncateSync(file, 16 * 1024 * 1024 + 1),
    /catalogue\[0\]: own\.json must be a file of at most 16 MiB/,
  ],
  [
    'a link to a device',
    () => {
      unlinkSync(file)
      symlinkSync('/dev/zero', file)
    },
    /own\.json must be a file/,
  ],
  [
    'a folder',
    () => {
      unlinkSync(file)
      mkdirSync(file)
    },
    /own\.json must be a file/,
  ],
]

describe('one that cannot stand changes nothing', () => {
  test.each(BROKEN)('%s', async (_, spoil, message) => {
    lay(GOOD)
    expect(await house.customhouse.reload()).toMatchObject({ activated: true })
    spoil()
    const report = await house.customhouse.reload()
    expect(report).toMatchObject({ activated: false, error: { code: 'ERR_CONFIG_INVALID' } })
    expect(report.error?.message).toMatch(message)
    expect((await ask()).status).toBe(200)
    expect(await ran()).toEqual(['DE'])
    const rejected = (await house.records()).findLast(({ kind }) => kind === 'config.rejected')
    expect(rejected?.body.message).toMatch(message)
    rmSync(file, { recursive: true, force: true })
  })

  test.each(BROKEN)('and ends a start: %s', async (_, spoil, message) => {
    lay(GOOD)
    spoil()
    const started = startHouse(options('1h')).then(
      async (wrong) => wrong.stop(),
      (error: unknown) => {
        rmSync(file, { recursive: true, force: true })
        throw error
      },
    )
    await expect(started).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID', message: expect.stringMatching(message) })
  })
})

test('a file is watched: what is written, renamed, swapped by a link or broken is seen without anybody asking', async () => {
  lay(GOOD)
  const watched = await startHouse(options('100ms'))
  try {
    const numbers = async () => (await watched.records()).filter(({ kind }) => kind === 'config.activated').length
    const becomes = (places: readonly string[]) =>
      expect
        .poll(async () => [(await ask(watched)).status, await ran(watched)], { timeout: 20_000, interval: 200 })
        .toEqual([200, places])
    await becomes(['DE'])
    writeFileSync(`${file}.next`, JSON.stringify(profile('eu-central-1', 'eu-west-3')))
    renameSync(`${file}.next`, file)
    await becomes(['DE', 'FR'])
    // As a ConfigMap is mounted: the name stays, what the link leads to is another folder.
    for (const [name, content] of [
      ['one', profile('eu-central-1', 'eu-north-1')],
      ['two', GOOD],
    ] as const) {
      mkdirSync(join(folder, name), { recursive: true })
      writeFileSync(join(folder, name, 'own.json'), JSON.stringify(content))
    }
    symlinkSync('one', join(folder, '..data'))
    symlinkSync('..data/own.json', `${file}.link`)
    renameSync(`${file}.link`, file)
    await becomes(['DE', 'SE'])
    symlinkSync('two', join(folder, '..next'))
    renameSync(join(folder, '..next'), join(folder, '..data'))
    await becomes(['DE'])
    const before = await numbers()
    writeFileSync(join(folder, 'two', 'own.json'), '{')
    await expect
      .poll(async () => (await watched.records()).filter(({ kind }) => kind === 'config.rejected').length, {
        timeout: 20_000,
      })
      .toBe(1)
    expect((await ask(watched)).status).toBe(200)
    expect(await ran(watched)).toEqual(['DE'])
    expect(await numbers()).toBe(before)
  } finally {
    await watched.stop()
    rmSync(file, { force: true })
  }
}, 90_000)
