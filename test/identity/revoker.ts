import { fileStore, revoke } from '../../src/identity/revocation/index.ts'

/** Revokes names without end; prints each one when it is durable. Killed from outside: test/identity/revocation-kill.test.ts. */
const [file = '', prefix = ''] = process.argv.slice(2)
const store = fileStore(file)
for (let i = 0; ; i++) {
  const name = `subject:key ${prefix}-${i}`
  await store.change((list) => revoke(list, { name, until: null, why: null }, Date.now()))
  process.stdout.write(`${name}\n`)
}
