import { CustomhouseError } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import type { BundleEntrypoint } from './bundle.ts'
import { DECISION_ENTRYPOINT } from './decide.ts'
import type { Inspection } from './toolchain/index.ts'

/** What a policy says of itself: the controls that must answer, the obligations that it may attach. Sorted, each once. */
export type Declared = Readonly<{ controls: readonly string[]; obligations: readonly string[] }>

const DECISION_PATH = `data.${DECISION_ENTRYPOINT.replace('/', '.')}`

/**
 * `custom.controls` and `custom.obligations` of the METADATA of package `customhouse` and of its rule `decision`. OPA takes the entrypoint's rule
 * out of the sources that it puts into a bundle; its METADATA is then in the manifest alone, so both places are read.
 *
 * @throws ERR_POLICY_BUNDLE where no control is declared, or something other than a list of names
 */
export function declaredBy(inspection: Inspection, entrypoints: readonly BundleEntrypoint[], from: string): Declared {
  const written = inspection.annotations
    .filter(({ path }) => path === 'data.customhouse' || path === DECISION_PATH)
    .map(({ annotations }) => annotations)
  const packed = entrypoints
    .filter(({ entrypoint }) => entrypoint === DECISION_ENTRYPOINT)
    .flatMap(({ annotations }) => annotations)
  const all = [...written, ...packed]
  const controls = named('controls', all, from)
  if (controls.length === 0) {
    throw new CustomhouseError(
      'ERR_POLICY_BUNDLE',
      `The policy in ${from} declares no control that must answer: list them in the METADATA of ${DECISION_ENTRYPOINT} (custom.controls). The configuration can only add to them.`,
    )
  }
  return { controls, obligations: named('obligations', all, from) }
}

function named(
  member: 'controls' | 'obligations',
  annotations: readonly Readonly<Record<string, Json>>[],
  from: string,
): readonly string[] {
  const names = new Set<string>()
  for (const { custom } of annotations) {
    if (typeof custom !== 'object' || custom === null || Array.isArray(custom)) continue
    const given = (custom as Readonly<Record<string, Json>>)[member]
    if (given === undefined) continue
    const list: readonly Json[] = Array.isArray(given) ? given : [null]
    for (const name of list) {
      if (typeof name === 'string' && name !== '') {
        names.add(name)
        continue
      }
      throw new CustomhouseError(
        'ERR_POLICY_BUNDLE',
        `custom.${member} of ${DECISION_ENTRYPOINT} in ${from} must be a list of names.`,
      )
    }
  }
  return [...names].sort()
}

/** The documents that each package below `data.controls` defines outside of its tests, by the control's name. */
export type Controls = ReadonlyMap<string, ReadonlySet<string>>

export function controlsIn({ packages }: Inspection): Controls {
  const controls = new Map<string, Set<string>>()
  const documents = (path: string): void => {
    const [root, folder, name, document] = partsOf(path)
    if (root !== 'data' || folder !== 'controls' || name === undefined) return
    const known = controls.get(name) ?? new Set<string>()
    controls.set(name, known)
    if (document !== undefined) known.add(document)
  }
  for (const { package: path, files, rules } of packages) {
    if (files.every((file) => file.endsWith('_test.rego'))) continue
    documents(path)
    for (const rule of rules) if (rule.test !== true) documents(rule.path)
  }
  return controls
}

/** The parts of a reference as OPA writes it: `data.controls["my-control"].satisfied`. */
function partsOf(path: string): readonly string[] {
  return [...path.matchAll(/(?:^|\.)(\w+)|\[("(?:[^"\\]|\\.)*")\]/g)].map(([, name, quoted]) =>
    quoted === undefined ? (name ?? '') : String(JSON.parse(quoted)),
  )
}
