import { randomBytes } from 'node:crypto'
import { type Custom, readCustom } from '../../plugins/redaction/custom/index.ts'
import { createRedaction } from '../../plugins/redaction/index.ts'
import { createInspector } from '../../plugins/redaction/inspector.ts'
import { NO_PROFILES, type Profiles, readProfiles } from '../../plugins/redaction/profiles.ts'
import { loadTagger } from '../../plugins/redaction/tagger/index.ts'
import type { Config } from '../config.ts'
import type { Json } from '../core/json.ts'
import type { Plugin } from '../core/plugin.ts'
import type { LoadedPolicy } from './policy.ts'
import { knownTypes, requireTypes } from './redaction-types.ts'

/**
 * The redaction of one generation, with the entities, dictionaries and allow lists of its policy. Nothing need stop it when the generation retires: calls under
 * way are still read by it, its threads end when they have been idle, and keep no process alive.
 *
 * @param secret what tokens are derived from: the same in all gateways and generations that one conversation may pass
 * @throws ERR_POLICY_BUNDLE where the policy's data cannot be used
 */
export function redactionOf(
  { redaction }: Pick<Config, 'redaction'>,
  { data }: Pick<LoadedPolicy, 'data'>,
  secret: Uint8Array,
): Plugin {
  const { workers, cacheBytes, apartAbove } = redaction
  const { custom, profiles } = redactionData(data)
  const tagger = loadTagger()
  const inspector = createInspector({
    custom,
    customData: readByThreads(data),
    tagger,
    workers,
    cacheBytes,
    apartAbove,
    secret: randomBytes(32),
  })
  return createRedaction({ inspector, secret, profiles })
}

/**
 * What redaction reads of a policy's data, all of it, before any call.
 *
 * @throws ERR_POLICY_BUNDLE with the path of what cannot be used, and how to mend it
 */
export function redactionData(data: Json): RedactionData {
  const custom = readCustom(data)
  const profiles = readProfiles(data)
  requireTypes(data, profiles !== NO_PROFILES)
  return { custom, profiles, types: knownTypes(data) }
}

/** `types`: those that may be named, the built-in ones and the policy's own. */
export type RedactionData = Readonly<{ custom: Custom; profiles: Profiles; types: ReadonlySet<string> }>

/** Of a policy's data what {@link readCustom} reads: all else would be copied into every thread. */
function readByThreads(data: Json): Json {
  const org = isObject(data) ? data.org : undefined
  return { org: { redaction: isObject(org) ? (org.redaction ?? {}) : {} } }
}

const isObject = (value: Json | undefined): value is Readonly<Record<string, Json>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
