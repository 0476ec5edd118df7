import { expect, test } from 'vitest'
import { CustomhouseError } from '../../src/core/errors.ts'
import type { Plugin } from '../../src/core/plugin.ts'
import { play } from './scene.ts'

/** Nobody can tell any more whether the caller stands: from a moment inside the call on. */

const rows = [
  ['before it is sent', false, 'inspect', []],
  ['before it is sent, streamed', true, 'inspect', []],
  ['while it is discharged', false, 'reserve', []],
  ['while it is discharged, streamed', true, 'reserve', []],
  ['while its intent is written', false, 'intent', ['call.intent', 'call.attempt_failed']],
  ['while its intent is written, streamed', true, 'intent', ['call.intent', 'call.attempt_failed']],
] as const

test.each(rows)(
  '%s: 503, nothing is sent, what is on record is closed and what was reserved given back',
  async (_, streamed, when, kinds) => {
    let known = true
    const reserved: string[] = []
    const plugin: Plugin = {
      name: 'queue',
      inspect: async () => {
        if (when === 'inspect') known = false
        return []
      },
      discharge: {
        queue: {
          stage: 'reserve',
          request: async () => {
            reserved.push('reserved')
            if (when === 'reserve') known = false
            return { met: true, reservation: 'r', release: () => void reserved.push('released') }
          },
        },
      },
    }
    let sent = 0
    const played = await play({
      streamed,
      obligations: [{ type: 'queue', params: {} }],
      plugins: [plugin],
      refuses: ({ kind }) => {
        if (kind === 'call.intent' && when === 'intent') known = false
        return false
      },
      stands: () => {
        if (known) return true
        throw new CustomhouseError('ERR_IDENTITY_UNAVAILABLE', 'Nobody can tell.', {
          detail: { retry_after_seconds: 1 },
        })
      },
      open: () => {
        sent += 1
        throw new Error('it was sent')
      },
    })
    expect([played.status, sent, played.records.map(({ kind }) => kind)]).toEqual([503, 0, kinds])
    expect(played.headers['retry-after']).toBe('1')
    if (when === 'reserve') expect(reserved).toEqual(['reserved', 'released'])
  },
)
