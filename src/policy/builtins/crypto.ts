import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { type Builtin, text } from './operand.ts'

const hash =
  (algorithm: string): Builtin =>
  (args) =>
    createHash(algorithm).update(text(args, 0), 'utf8').digest('hex')

const hmac =
  (algorithm: string): Builtin =>
  (args) =>
    createHmac(algorithm, Buffer.from(text(args, 1), 'utf8'))
      .update(text(args, 0), 'utf8')
      .digest('hex')

export const CRYPTO: Readonly<Record<string, Builtin>> = {
  'crypto.md5': hash('md5'),
  'crypto.sha1': hash('sha1'),
  'crypto.sha256': hash('sha256'),
  'crypto.hmac.md5': hmac('md5'),
  'crypto.hmac.sha1': hmac('sha1'),
  'crypto.hmac.sha256': hmac('sha256'),
  'crypto.hmac.sha512': hmac('sha512'),
  'crypto.hmac.equal': (args) => {
    const left = Buffer.from(text(args, 0), 'utf8')
    const right = Buffer.from(text(args, 1), 'utf8')
    return left.length === right.length && timingSafeEqual(left, right)
  },
}
