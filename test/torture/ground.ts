import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Json } from '../../src/core/json.ts'
import { type Ground, layGround } from '../house.ts'
import { probePolicies } from '../probe.ts'
import { ALL_DOORS } from '../wire/doors.ts'

/** What a gateway under torture needs in its environment: the secret that it holds for every provider. */
export const SECRET = { CUSTOMHOUSE_TORTURE_SECRET: 'sk-of-the-gateway-itself' }

/** The tenant that may call, and the one that is denied; with `x-customhouse-meta-case: long` it is denied at length. */
const RULES = `satisfied[target.id] := true if {
	input.call.principal.tenant == "claims"
	some target in targets
}

reasons[target.id] contains {"rule": "probe/tenant", "controls": ["TEST-1"], "message": "of another tenant"} if {
	input.call.principal.tenant != "claims"
	some target in targets
}

reasons[target.id] contains {"rule": concat("-", ["probe/long", format_int(i, 10)]), "controls": names, "message": words} if {
	input.call.principal.tenant != "claims"
	input.call.metadata.case == "long"
	some i in numbers.range(1, 19)
	some target in targets
}

words := "${'long words '.repeat(45)}"

names := ["${'A-'.repeat(60)}1", "${'B-'.repeat(60)}2", "${'C-'.repeat(60)}3", "${'D-'.repeat(60)}4", "${'E-'.repeat(60)}5"]

obligations[target.id] := [] if some target in targets`

const WRITTEN = probePolicies(RULES)
const POLICIES = {
  ...WRITTEN,
  'main.rego': (WRITTEN['main.rego'] ?? '').replace(/obligations: \[[^\]]*\]/, 'obligations: []'),
}

/** A ground, and a key of the tenant that is denied. */
export type Doors = Ground & Readonly<{ deniedKey: string }>

/** The ground of a gateway with every door open, in front of one upstream that plays all providers. */
export async function layDoors(upstream: string, config: Readonly<Record<string, Json>> = {}): Promise<Doors> {
  const places = ['DE']
  const residency = { endpoint: places, processing: places, storage: places }
  const ground = await layGround({
    providers: {},
    policies: POLICIES,
    config: {
      providers: Object.fromEntries(
        ALL_DOORS.map(({ provider, kind, base }) => [
          provider,
          {
            kind,
            base_url: `${upstream}${base}`,
            ...(kind === 'bedrock' ? { region: 'eu-central-1' } : {}),
            credential: '$' + '{env:CUSTOMHOUSE_TORTURE_SECRET}',
            residency,
          },
        ]),
      ),
      models: Object.fromEntries(
        ALL_DOORS.map(({ model, provider, target }) => [model, { routes: [{ provider, model: target }] }]),
      ),
      // Progress as often as can be set: more records between an intent and its end.
      audit: { log: 'test/torture', progress_every: '100ms', progress_bytes: '1KiB' },
      reload: { every: '1h' },
      // Turns fail as the load has it, and a target that rested would have other turns' calls denied.
      limits: { breaker: { failures: 1000 } },
      log: { level: 'info', format: 'json' },
      ...config,
    },
  })
  return { ...ground, deniedKey: await ground.keyOf('research') }
}

/** What a test needs of a copy of a ground: where it is, and its keys. */
export type Copied = Pick<Doors, 'folder' | 'config' | 'state' | 'key' | 'deniedKey' | 'remove'>

/** The whole folder of a gateway that does not run, in front of another upstream. */
export function copyDoors(doors: Copied, from: string, to: string): Copied {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-house-'))
  cpSync(doors.folder, folder, { recursive: true })
  const config = join(folder, basename(doors.config))
  writeFileSync(config, readFileSync(config, 'utf8').replaceAll(from, to))
  return {
    folder,
    config,
    state: join(folder, basename(doors.state)),
    key: doors.key,
    deniedKey: doors.deniedKey,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
