const CONTEXT = 3

/** A unified diff of two texts that differ line by line, as redaction leaves them: '' where they are the same. */
export function difference(before: string, after: string, name: string): string {
  if (before === after) return ''
  const old = linesOf(before)
  const now = linesOf(after)
  const changes = changesOf(old, now)
  const hunks: string[] = []
  for (let at = 0; at < changes.length; ) {
    let to = at + 1
    while (to < changes.length && (changes[to]?.from ?? 0) - (changes[to - 1]?.to ?? 0) <= CONTEXT * 2) to += 1
    hunks.push(hunkOf(old, now, changes.slice(at, to)))
    at = to
  }
  return `--- ${name}\n+++ ${name} (as it would be sent)\n${hunks.join('')}`
}

/** Lines `[from, to)` of the old text became `[into, until)` of the new one. */
type Change = Readonly<{ from: number; to: number; into: number; until: number }>

function changesOf(old: readonly string[], now: readonly string[]): readonly Change[] {
  if (old.length !== now.length) {
    let head = 0
    while (head < old.length && head < now.length && old[head] === now[head]) head += 1
    let tail = 0
    while (
      tail < old.length - head &&
      tail < now.length - head &&
      old[old.length - 1 - tail] === now[now.length - 1 - tail]
    )
      tail += 1
    return [{ from: head, to: old.length - tail, into: head, until: now.length - tail }]
  }
  const changes: Change[] = []
  for (let at = 0; at < old.length; at++) {
    if (old[at] === now[at]) continue
    let to = at + 1
    while (to < old.length && old[to] !== now[to]) to += 1
    changes.push({ from: at, to, into: at, until: to })
    at = to
  }
  return changes
}

function hunkOf(old: readonly string[], now: readonly string[], changes: readonly Change[]): string {
  const first = changes[0]
  const last = changes.at(-1)
  if (first === undefined || last === undefined) return ''
  const start = Math.max(0, first.from - CONTEXT)
  const end = Math.min(old.length, last.to + CONTEXT)
  const shift = first.into - first.from
  const grown = last.until - last.to
  const lines: string[] = []
  let at = start
  for (const { from, to, into, until } of changes) {
    for (; at < from; at++) lines.push(` ${old[at] ?? ''}`)
    for (let i = from; i < to; i++) lines.push(`-${old[i] ?? ''}`)
    for (let i = into; i < until; i++) lines.push(`+${now[i] ?? ''}`)
    at = to
  }
  for (; at < end; at++) lines.push(` ${old[at] ?? ''}`)
  const from = `${start + 1},${end - start}`
  const to = `${start + shift + 1},${end + grown - start - shift}`
  return `@@ -${from} +${to} @@\n${lines.map((line) => `${line}\n`).join('')}`
}

function linesOf(text: string): readonly string[] {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines
}
