import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { residencyWarnings } from '../../src/compose/warnings.ts'
import { loadConfig } from '../../src/config.ts'
import type { Json } from '../../src/core/json.ts'
import { newFolder, run } from '../cli/run.ts'
import { startHouse } from '../house.ts'

/** Where a deployment of Azure runs is told by its type alone, which an operator who declares a place may not have looked at. */

const folder = mkdtempSync(join(tmpdir(), 'customhouse-warnings-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const TODAY = new Date().toISOString().slice(0, 10)
const overlay = join(folder, 'residency.json')
const row = { location: 'swedencentral', deployments: { a: 'Standard' }, source: 'az' }
writeFileSync(
  overlay,
  JSON.stringify({ version: 2, as_of: TODAY, sources: { az: 'az' }, azure: { resources: { claims: row } } }),
)

const SWEDEN = { endpoint: ['SE'], processing: ['SE'], storage: ['SE'] }
const azure = (host: string, residency: Json, kind = 'azure') => ({
  kind,
  base_url: `https://${host}/openai/v1`,
  residency,
})

describe('a residency that is declared at a host of Azure', () => {
  it.each<[string, Json, Json, boolean]>([
    ['narrow', azure('claims.openai.azure.com', SWEDEN), {}, true],
    ['narrow, at another form of its hosts', azure('claims.services.ai.azure.com', SWEDEN), {}, true],
    ['narrow, on a port', azure('claims.openai.azure.com:8443', SWEDEN), {}, true],
    ['several countries', azure('claims.openai.azure.com', { ...SWEDEN, processing: ['DE', 'FR', 'SE'] }), {}, true],
    ['with inference anywhere', azure('claims.openai.azure.com', { ...SWEDEN, processing: ['*'] }), {}, false],
    ['narrow, and imported', azure('claims.openai.azure.com', SWEDEN), { catalogue: [overlay] }, false],
    ['narrow, and another one imported', azure('lab.openai.azure.com', SWEDEN), { catalogue: [overlay] }, true],
    ['by its row', azure('claims.openai.azure.com', 'azure/claims'), { catalogue: [overlay] }, false],
    ['at a server of one`s own', azure('llm.bank.example', SWEDEN), {}, false],
  ])('is warned of unless it rests on a row or promises nothing: %s', async (_, provider, residency, warned) => {
    const file = join(folder, 'customhouse.yaml')
    const content = { version: 1, tenants: { claims: {} }, providers: { sweden: provider }, residency }
    writeFileSync(file, JSON.stringify({ ...content, models: { m: { routes: [{ provider: 'sweden', model: 'a' }] } } }))
    const lines = residencyWarnings(await loadConfig(file, {}, {}, { secrets: false }), Date.now())
    const words = /^residency {2}declared, not imported: sweden\..*`customhouse residency import azure`$/
    expect(lines).toEqual(warned ? [expect.stringMatching(words)] : [])
  })

  it('is warned of at the start', async () => {
    const house = await startHouse({
      providers: {},
      models: { 'gpt-4o': ['sweden/a'] },
      config: { providers: { sweden: azure('claims.openai.azure.com', SWEDEN) } },
    })
    try {
      const said = house.logged.filter(({ msg }) => String(msg).includes('declared, not imported: sweden'))
      expect(said.map(({ level }) => level)).toEqual([40])
    } finally {
      await house.stop()
    }
  })

  it('is warned of by check and by residency show', async () => {
    const cwd = newFolder()
    expect((await run(['init'], { cwd })).code).toBe(0)
    const providers = { sweden: azure('claims.openai.azure.com', SWEDEN) }
    const models = { 'gpt-4o': { routes: [{ provider: 'sweden', model: 'a' }] } }
    const content = { version: 1, policy: { source: './policies' }, tenants: { claims: {} }, providers, models }
    writeFileSync(join(cwd, 'customhouse.yaml'), JSON.stringify(content))
    for (const args of [['check'], ['residency', 'show']]) {
      const { stdout, stderr } = await run(args, { cwd })
      expect(`${stdout}${stderr}`).toContain('residency  declared, not imported: sweden.')
    }
  }, 120_000)
})
