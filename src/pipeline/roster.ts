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
