import { createKey } from '../../src/identity/index.ts'

/** Creates keys without end; prints each one when it is durable. Killed from outside: test/identity/kill.test.ts. */
const [file = '', name = ''] = process.argv.slice(2)
for (let i = 0; ; i++) {
  const { key } = await createKey(file, { subject: `${name}-${i}`, tenant: 'claims' })
  process.stdout.write(`${key}\n`)
}
