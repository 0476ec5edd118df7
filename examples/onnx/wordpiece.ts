/** Pieces of a text: their ids, and where each stands in it, in UTF-16 units. */
export type Pieces = Readonly<{ ids: readonly number[]; starts: readonly number[]; ends: readonly number[] }>

const LONGEST_WORD = 100
const BLANK = /\s/u
const ALONE = /[\p{P}\p{S}\p{Script=Han}]/u
const NOTHING = /[\p{Mn}\p{Cc}\p{Cf}]/u

/** Cuts text as BERT's uncased models were trained on it (WordPiece), without the special tokens. `vocabulary` holds a piece a line, as `vocab.txt` does. */
export function wordPieces(vocabulary: string): (text: string) => Pieces {
  const ids = new Map(vocabulary.split(/\r?\n/).map((piece, id) => [piece, id]))
  const unknown = ids.get('[UNK]') ?? 0

  return (text) => {
    const cut = { ids: [] as number[], starts: [] as number[], ends: [] as number[] }
    let letters: string[] = []
    let starts: number[] = []
    let ends: number[] = []
    const add = (id: number, from: number, to: number): void => {
      cut.ids.push(id)
      cut.starts.push(starts[from] ?? 0)
      cut.ends.push(ends[to - 1] ?? 0)
    }
    const word = (): void => {
      if (letters.length > LONGEST_WORD) add(unknown, 0, letters.length)
      else
        for (const [id, from, to] of longest(letters, ids) ?? [[unknown, 0, letters.length] as const]) add(id, from, to)
      letters = []
      starts = []
      ends = []
    }
    let at = 0
    for (const unit of text) {
      const alone = ALONE.test(unit)
      if ((alone || BLANK.test(unit)) && letters.length > 0) word()
      if (!BLANK.test(unit)) {
        for (const letter of unit.toLowerCase().normalize('NFD')) {
          if (NOTHING.test(letter)) continue
          letters.push(letter)
          starts.push(at)
          ends.push(at + unit.length)
        }
        if (alone && letters.length > 0) word()
      }
      at += unit.length
    }
    if (letters.length > 0) word()
    return cut
  }
}

/** The longest pieces from the left, each with its range of letters; null where there is none. */
function longest(letters: readonly string[], ids: ReadonlyMap<string, number>): [number, number, number][] | null {
  const pieces: [number, number, number][] = []
  for (let from = 0; from < letters.length; ) {
    let to = letters.length
    let id: number | undefined
    for (; to > from; to--) {
      id = ids.get((from > 0 ? '##' : '') + letters.slice(from, to).join(''))
      if (id !== undefined) break
    }
    if (id === undefined) return null
    pieces.push([id, from, to])
    from = to
  }
  return pieces
}
