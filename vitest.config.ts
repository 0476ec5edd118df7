import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'plugins/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'test/torture/**'],
    testTimeout: 120_000,
    hookTimeout: 240_000,
    pool: 'forks',
    // Tests wait more than they compute: on two cores vitest's own choice is one worker.
    maxWorkers: Math.max(2, availableParallelism() - 1),
  },
})
