// Makes the secrets of docker-compose.yml, random ones, once: node deploy/compose/secrets.mjs. What is there is kept.
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = process.argv[2] ?? join(import.meta.dirname, 'secrets')
// Only its owner gets into the folder; in the containers, whose users differ, each file must be readable.
mkdirSync(folder, { recursive: true, mode: 0o700 })
// It may be there already, from a checkout.
chmodSync(folder, 0o700)
const secret = () => randomBytes(24).toString('base64url')
const redis = secret()
// The password and the list that Redis checks it by belong together.
if (!['redis.acl', 'redis-password'].every((name) => existsSync(join(folder, name)))) {
  write('redis-password', redis)
  write(
    'redis.acl',
    `user default on nopass -@all +ping\nuser customhouse on >${redis} ~customhouse:revocations -@all +hget +hmget +hset +exists +eval +select\n`,
  )
}
if (!existsSync(join(folder, 'grafana-password'))) write('grafana-password', secret())

function write(name, text) {
  rmSync(join(folder, name), { force: true })
  writeFileSync(join(folder, name), text, { mode: 0o444 })
}
