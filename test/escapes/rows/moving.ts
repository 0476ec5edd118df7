import { expect } from 'vitest'
import type { Json } from '../../../src/core/json.ts'
import { failure, reset, type Script } from '../../kit/index.ts'
import type { Heard } from '../ask.ts'
import { ANTHROPIC, CONVERSE, type Door, OPENAI } from '../doors.ts'
import { residencyData } from '../ground.ts'
import { FLAKY } from '../names.ts'
import { denied, FAILED, type Row, rows, type Way } from '../row.ts'
import type { Scene } from '../scene.ts'

type Members = Record<string, Json>
const swiss: Json = { endpoint: ['CH'], processing: ['CH'], storage: ['CH'] }
const america: Json = { endpoint: ['US'], processing: ['US'], storage: ['US'] }
const familyOf = ({ form }: Door) => (form === 'mistral' ? 'openai' : form)
const HOME = { openai: 'covered', anthropic: 'claude-own', bedrock: 'own-bedrock' }

function declare(name: string, residency: Json): (config: Members) => void {
  return (config) => {
    const providers = config.providers as Record<string, Members>
    providers[name] = { ...providers[name], residency }
  }
}

/** The first attempt fails, but not before another configuration is in force. */
async function meanwhile(
  scene: Scene,
  row: Row,
  change: (scene: Scene) => Promise<string | null>,
  ending: Script,
): Promise<Heard> {
  const authority = `${FLAKY[familyOf(row.door)]}:443`
  const pushed = Promise.withResolvers<void>()
  const arrived = Promise.withResolvers<void>()
  scene.world.script(authority, () => {
    arrived.resolve()
    return [{ until: pushed.promise }, ...ending]
  })
  const heard = scene.ask(row)
  await arrived.promise
  const before = scene.world.arrivals.length
  try {
    expect(await change(scene)).toBeNull()
    pushed.resolve()
    const said = await heard
    expect(scene.world.arrivals.slice(before), 'nothing is sent after the reload').toEqual([])
    return said
  } finally {
    pushed.resolve()
    scene.world.script(authority, null)
    await scene.restore()
  }
}

const moved =
  (change: (door: Door) => (config: Members) => void, ending: Script) =>
  (door: Door): Way => ({
    model: `home-${familyOf(door)}`,
    expected: FAILED,
    act: (scene, row) => meanwhile(scene, row, (at) => at.push(change(door)), ending),
  })

const home = (door: Door) => declare(HOME[familyOf(door)], america)
const flaky = (door: Door) => declare(`flaky-${familyOf(door)}`, america)
const withoutTenant =
  () =>
  (config: Members): void => {
    config.tenants = Object.fromEntries(
      Object.entries(config.tenants as Members).filter(([name]) => name !== 'eea' && name !== 'retried'),
    )
  }
const withoutRoute =
  (door: Door) =>
  (config: Members): void => {
    const models = config.models as Record<string, Members>
    models[`home-${familyOf(door)}`] = { routes: [{ provider: 'us-baa', model: 'gpt-4o' }] }
  }

/** The policy is compiled during the attempt, which must last so long. */
const legislated =
  (tenant: Json, ending: Script) =>
  (door: Door): Way => ({
    model: `home-${familyOf(door)}`,
    expected: FAILED,
    act: async (scene, row) => {
      const patient = (config: Members): void => {
        const providers = config.providers as Record<string, Members>
        const name = `flaky-${familyOf(door)}`
        providers[name] = { ...providers[name], timeouts: { first_byte: '60s' } }
      }
      expect(await scene.push(patient)).toBeNull()
      const law = JSON.stringify(residencyData({ eea: tenant }))
      return await meanwhile(scene, row, (at) => at.legislate('org/residency.yaml', law), ending)
    },
  })

/** What was judged before a wait is not what is in force after it. */
export const MOVING = [
  ...rows('race with a reload', [OPENAI, ANTHROPIC, CONVERSE], {
    'the next target is moved to America during the attempt that fails with 500': moved(home, failure(500)),
    'the same, and the attempt is reset': moved(home, reset),
    'the tenant is taken away during the attempt': moved(withoutTenant, failure(500)),
    'the route is changed during the attempt': moved(withoutRoute, failure(503)),
    'the target itself is moved before its retry': (door) => ({
      ...moved(flaky, failure(500))(door),
      tenant: 'retried',
      model: `pair-${familyOf(door)}`,
    }),
  }),
  ...rows('race with a policy', [OPENAI, CONVERSE], {
    'the tenant may go to Switzerland alone, from the middle of the attempt on': legislated(swiss, failure(500)),
  }),
  ...rows('race with a policy', [ANTHROPIC], {
    'the tenant is in the data no more': legislated(null, reset),
  }),
  ...rows('stale policy', [OPENAI, ANTHROPIC, CONVERSE], {
    'what is on disk could not be loaded for longer than reload.stale_after': () => ({
      expected: denied('base/policy-stale'),
      act: async (scene, row) => {
        const fleeting = (config: Members): void => {
          config.reload = { every: '500ms', stale_after: '1s' }
        }
        expect(await scene.push(fleeting)).toBeNull()
        try {
          const broken = (config: Members): void => {
            fleeting(config)
            config.version = 2
          }
          expect(await scene.push(broken)).toBe('ERR_CONFIG_INVALID')
          let said = await scene.ask(row)
          await expect
            .poll(
              async () => {
                said = await scene.ask(row)
                return said.status
              },
              { timeout: 20_000, interval: 200 },
            )
            .toBe(403)
          return said
        } finally {
          await scene.restore()
        }
      },
    }),
  }),
  ...rows('race with a reload', [OPENAI, ANTHROPIC, CONVERSE], {
    'calls without a pause while the target moves to and fro': (door) => ({
      model: `home-${familyOf(door)}`,
      expected: denied('residency/'),
      act: async (scene, row) => {
        const away = (config: Members): void => {
          declare(`flaky-${familyOf(door)}`, america)(config)
          home(door)(config)
        }
        await scene.restore()
        const open = Promise.all([1, 2, 3, 4, 5, 6].map(() => scene.ask(row)))
        expect(await scene.push(away)).toBeNull()
        const before = scene.world.arrivals.length
        try {
          await open
          const late = scene.world.arrivals.length
          const said = await Promise.all([1, 2, 3, 4].map(() => scene.ask(row)))
          expect(said.map(({ status }) => status)).toEqual([403, 403, 403, 403])
          expect(scene.world.arrivals.length - late).toBe(0)
          expect(before).toBeLessThanOrEqual(late)
          return await scene.ask(row)
        } finally {
          await scene.restore()
        }
      },
    }),
  }),
]
