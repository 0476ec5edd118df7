/**
 * One making at a time, for all who ask meanwhile and for `keptMs` after it: who asks never makes more work than there was. One that fails is
 * made anew.
 */
export function shared<Made>(make: () => Promise<Made>, keptMs: number): () => Promise<Made> {
  let last: Promise<Made> | null = null
  const forget = (): void => {
    last = null
  }
  return () => {
    if (last !== null) return last
    last = make()
    // By a timer, so that what nobody asks for any more is not kept either.
    last.then(() => setTimeout(forget, keptMs).unref(), forget)
    return last
  }
}
