import { writeFileSync } from 'node:fs'

/** Says how far a long test is, where `npm run torture` has asked for it; vitest itself keeps quiet until a test has ended. */
export function tell(progress: string): void {
  const file = process.env.CUSTOMHOUSE_PROGRESS
  if (file !== undefined) writeFileSync(file, progress)
}
