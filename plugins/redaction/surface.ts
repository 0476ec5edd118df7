import type { Segment } from '../../src/core/call.ts'
import type { View } from './view/index.ts'

/**
 * What a finding says. `surface`: as it is put back, without the escapes of a text that is JSON, and decoded where it stood in an encoded run. `value`: as detectors
 * read it, which tells whether it is the same as another.
 */
export type Surface = Readonly<{ surface: string; value: string }>

/** `views` are those of the segment's text. */
export function surfaceOf({ text, json }: Segment, views: readonly View[], start: number, end: number): Surface {
  const written = text.slice(start, end)
  for (let at = views.length - 1; at > 0; at--) {
    const view = views[at]
    const carried = view === undefined ? null : within(view, start, end)
    if (view === undefined || carried === null) continue
    const back = view.locate(carried.start, carried.end)
    if (back.start !== start || back.end !== end) continue
    const value = view.text.slice(carried.start, carried.end)
    return { surface: value, value }
  }
  const surface = json === true && written.includes('\\') ? unescaped(written) : written
  const [main] = views
  if (main === undefined || main.text === text) return { surface, value: surface }
  const read = within(main, start, end)
  return { surface, value: read === null ? surface : main.text.slice(read.start, read.end) }
}

function unescaped(written: string): string {
  try {
    const read: unknown = JSON.parse(`"${written}"`)
    return typeof read === 'string' ? read : written
  } catch (error) {
    // Not within one string: it stands for itself, as it was written.
    if (error instanceof SyntaxError) return written
    throw error
  }
}

/** The units of a view that lie within a range of the original, null where there are none. Views keep the order of what they are made of. */
function within(view: View, start: number, end: number): Readonly<{ start: number; end: number }> | null {
  const first = least(view.text.length, (at) => view.locate(at, at + 1).start >= start)
  const after = least(view.text.length, (at) => view.locate(at, at + 1).end > end)
  return first < after ? { start: first, end: after } : null
}

/** The least of 0 to `length` from which on it holds. */
function least(length: number, holds: (at: number) => boolean): number {
  let low = 0
  let high = length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (holds(middle)) high = middle
    else low = middle + 1
  }
  return low
}
