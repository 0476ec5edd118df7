import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto'
import { CustomhouseError } from '../core/errors.ts'
import type { Hash } from './tree.ts'

/** Ed25519 in C2SP signed-note key ids and verifier keys. */
const ED25519 = 0x01
/** SubjectPublicKeyInfo of an Ed25519 key up to its 32 bytes (RFC 8410 4). */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex')
const NAME = /^[^\s+]+$/u

/** Signs checkpoints of one log. `verifier` is its C2SP verifier key: `<name>+<key id, 8 hex>+<base64 of 0x01 || public key>`. */
export type Signer = Readonly<{ name: string; verifier: string; sign: (text: string) => string }>
/** Checks them. */
export type Verifier = Readonly<{ name: string; open: (note: string) => string | null }>
/** A tree head (C2SP tlog-checkpoint). */
export type Checkpoint = Readonly<{ origin: string; size: number; root: Hash }>

function keyId(name: string, key: Buffer): Buffer {
  return hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(ED25519), key]), 'buffer').subarray(0, 4)
}

function rawPublicKey(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' }).subarray(SPKI.length)
}

/** Whether `name` can name a log: it is the origin of its checkpoints and the name of their key (C2SP signed-note). */
export function isLogName(name: string): boolean {
  return NAME.test(name)
}

/** Makes a signer from an Ed25519 private key (PKCS #8 PEM). */
export function makeSigner(name: string, pem: string): Signer {
  const key = createPrivateKey(pem)
  if (key.asymmetricKeyType !== 'ed25519')
    throw new CustomhouseError('ERR_KEYS_STORE', 'The signing key of the ledger is not an Ed25519 key.')
  const raw = rawPublicKey(createPublicKey(key))
  const id = keyId(name, raw)
  return {
    name,
    verifier: `${name}+${id.toString('hex')}+${Buffer.concat([Buffer.of(ED25519), raw]).toString('base64')}`,
    sign: (text) =>
      `${text}\n\u2014 ${name} ${Buffer.concat([id, sign(null, Buffer.from(text), key)]).toString('base64')}\n`,
  }
}

/** Reads a C2SP verifier key. Throws ERR_KEYS_STORE if it is none for Ed25519. */
export function makeVerifier(verifierKey: string): Verifier {
  const [name = '', id = '', encoded = ''] = splitKey(verifierKey.trim())
  const bytes = Buffer.from(encoded, 'base64')
  const raw = bytes.subarray(1)
  if (!NAME.test(name) || bytes[0] !== ED25519 || raw.length !== 32 || keyId(name, raw).toString('hex') !== id) {
    throw new CustomhouseError(
      'ERR_KEYS_STORE',
      'The verifier key is not a C2SP verifier key for Ed25519 (name+id+key).',
    )
  }
  const key = createPublicKey({ key: Buffer.concat([SPKI, raw]), format: 'der', type: 'spki' })
  return { name, open: (note) => openNote(note, name, Buffer.from(id, 'hex'), key) }
}

function splitKey(key: string): readonly string[] {
  const first = key.indexOf('+')
  const second = key.indexOf('+', first + 1)
  return [key.slice(0, first), key.slice(first + 1, second), key.slice(second + 1)]
}

/** The text of a note that is signed by the key; null if it is not. Lines of unknown keys are ignored, as C2SP signed-note asks. */
function openNote(note: string, name: string, id: Buffer, key: KeyObject): string | null {
  const split = note.lastIndexOf('\n\n')
  if (split === -1 || !note.endsWith('\n')) return null
  const text = note.slice(0, split + 1)
  const lines = note.slice(split + 2, -1).split('\n')
  const prefix = `\u2014 ${name} `
  for (const line of lines) {
    if (!line.startsWith(prefix)) continue
    const bytes = Buffer.from(line.slice(prefix.length), 'base64')
    if (bytes.subarray(0, 4).equals(id)) return verify(null, Buffer.from(text), key, bytes.subarray(4)) ? text : null
  }
  return null
}

/** The text of a checkpoint (C2SP tlog-checkpoint): origin, size, root in padded base64. */
export function checkpointText(checkpoint: Checkpoint): string {
  return `${checkpoint.origin}\n${checkpoint.size}\n${Buffer.from(checkpoint.root, 'base64url').toString('base64')}\n`
}

/** Reads the text of a checkpoint, or null. Extension lines are allowed and ignored. */
export function parseCheckpoint(text: string): Checkpoint | null {
  const [origin, size, root] = text.split('\n')
  if (!origin || !size || !root || !/^(0|[1-9]\d{0,15})$/.test(size)) return null
  const bytes = Buffer.from(root, 'base64')
  if (bytes.length !== 32 || bytes.toString('base64') !== root) return null
  return { origin, size: Number(size), root: bytes.toString('base64url') }
}
