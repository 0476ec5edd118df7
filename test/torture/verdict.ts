/** What became of a file of the suite. `figures`: what its tests printed of what they did, and why any of it was skipped. */
export type Verdict = Readonly<{ verdict: 'held' | 'BROKEN' | 'SKIPPED'; figures: string }>

/** Lines of the tests' own: their figures, and what this machine lacks. */
const TOLD = /^(?:\{"|\d+ (?:faults|kills|calls|activations|runs)\b|skipped: )/

/** Reads the output of vitest, and its exit code. Where not one test has run, nothing was shown to hold. */
export function verdictOf(code: number | null, output: string): Verdict {
  const lines = output.split('\n')
  const figures = lines.filter((text) => TOLD.test(text)).join('; ')
  if (code !== 0) return { verdict: 'BROKEN', figures }
  return { verdict: lines.some((text) => /^\s*Tests\s.*\b\d+ passed\b/.test(text)) ? 'held' : 'SKIPPED', figures }
}
