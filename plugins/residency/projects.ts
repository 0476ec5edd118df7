import { CustomhouseError } from '../../src/core/errors.ts'
import type { Entry } from './entry.ts'
import { type Layers, membersOf, type Stamp } from './layers.ts'
import { invalid, placesOf, words } from './places.ts'

/** The residency with which a project was created at OpenAI: storage follows it, and it answers at some hosts only. */
export type Project = Readonly<{
  name: string
  /** Ids of the entries whose hosts it may be used at. */
  entries: readonly string[]
  /** Null: nothing is promised. */
  storage: readonly string[] | null
  stamp: Stamp
}>

export function readProjects(
  { rows, groups }: Layers,
  entries: ReadonlyMap<string, Entry>,
): ReadonlyMap<string, Project> {
  return new Map(
    rows('projects').map((row) => {
      const { key: name, where, stamp } = row
      const { entries: list, storage } = membersOf(row, ['entries', 'storage'])
      const ids = words(list, `${where}: entries`)
      for (const id of ids) if (!entries.has(id)) throw invalid(`${where}: there is no entry ${id}.`)
      const places = storage === null ? null : placesOf(storage, groups, `${where}: storage`)
      return [name, { name, entries: ids, storage: places, stamp }]
    }),
  )
}

/** What is wrong is the provider's `project`, not its residency. */
export class OtherProject extends CustomhouseError {
  constructor(message: string) {
    super('ERR_CONFIG_INVALID', message)
  }
}

/** A project at an origin. Throws {@link OtherProject} where there is none of that name, or where it is not used at that host. */
export function projectAt(
  name: string,
  origin: string,
  { projects, entries }: Readonly<{ projects: ReadonlyMap<string, Project>; entries: ReadonlyMap<string, Entry> }>,
): Project {
  const project = projects.get(name)
  const here = [...entries.values()].find(({ hosts }) => hosts.some((host) => origin === `https://${host}`))
  const fitting = [...projects.values()].filter((one) => here !== undefined && one.entries.includes(here.id))
  if (fitting.length === 0)
    throw new OtherProject(
      'says how a project at OpenAI was created, and base_url is at none of its hosts: leave it out',
    )
  if (project !== undefined && here !== undefined && project.entries.includes(here.id)) return project
  const region = name.split('_')[0] ?? ''
  const near = fitting.find((one) => one.name.startsWith(`${region}_`))
  const meant = near === undefined ? '' : ` (did you mean ${JSON.stringify(near.name)}?)`
  const there = fitting.map((one) => one.name).join(', ')
  if (project === undefined)
    throw new OtherProject(
      `is no residency of projects that the catalogue knows${meant}; at ${origin} there are ${there}`,
    )
  const hosts = project.entries.flatMap((id) => entries.get(id)?.hosts ?? []).join(' or ')
  throw new OtherProject(`is used at ${hosts}, but base_url is at ${origin}${meant}; there it can be ${there}`)
}
