import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { CustomhouseError } from '../../../src/core/errors.ts'
import type { Reading, Span } from '../detect/detector.ts'
import { WEIGHTS_SHA256 } from './digest.ts'
import { readModel } from './model.ts'
import { taggerOf } from './tag.ts'

/**
 * Reads names of people, places and organisations out of their context. Spans are PERSON, LOCATION and ORG; the score is the probability that the model
 * gives to their being a name at all, from 0.2 up. `version` names the weights.
 */
export type Tagger = Readonly<{ version: string; tag(reading: Reading, found: Span[]): void }>

let loaded: Tagger | undefined

/** The tagger of this thread: its weights are read once. Throws ERR_CONFIG_UNREADABLE where weights.bin is not the one that this version was built with. */
export function loadTagger(): Tagger {
  loaded ??= taggerFrom(readFileSync(new URL('./weights.bin', import.meta.url)))
  return loaded
}

/** A tagger of the bytes of a weights file, if they are those that this version was built with. */
export function taggerFrom(bytes: Uint8Array): Tagger {
  const digest = createHash('sha256').update(bytes).digest('hex')
  if (digest !== WEIGHTS_SHA256) {
    throw new CustomhouseError(
      'ERR_CONFIG_UNREADABLE',
      `the tagger's weights have SHA-256 ${digest}, not ${WEIGHTS_SHA256}`,
    )
  }
  return { version: digest.slice(0, 12), tag: taggerOf(readModel(bytes)) }
}
