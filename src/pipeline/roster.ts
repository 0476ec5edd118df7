import type { Plugin } from '../core/plugin.ts'

type Verb = 'inspect' | 'facts'

const rosters: Readonly<Record<Verb, WeakMap<readonly Plugin[], readonly Plugin[]>>> = {
  inspect: new WeakMap(),
  facts: new WeakMap(),
}

/** The plugins that have a verb; for one list of plugins (a generation's) the same list at each call. */
export function pluginsThat(verb: Verb, plugins: readonly Plugin[]): readonly Plugin[] {
  const known = rosters[verb].get(plugins)
  if (known !== undefined) return known
  const found = plugins.filter((plugin) => plugin[verb] !== undefined)
  rosters[verb].set(plugins, found)
  return found
}

const always = new WeakMap<readonly Plugin[], readonly Plugin[]>()

/** The inspectors that read an answer: those that read each, and of the others those that an obligation of this call asked for. */
export function readersOfAnswer(plugins: readonly Plugin[], asked: ReadonlySet<Plugin>): readonly Plugin[] {
  const inspectors = pluginsThat('inspect', plugins)
  let usual = always.get(inspectors)
  if (usual === undefined) {
    usual = inspectors.filter(({ answers }) => answers !== 'asked')
    always.set(inspectors, usual)
  }
  if (asked.size === 0) return usual
  return inspectors.filter((plugin) => plugin.answers !== 'asked' || asked.has(plugin))
}
