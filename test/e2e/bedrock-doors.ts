import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { pairKey, STORE_NAME } from '../../src/identity/index.ts'
import { selfSigned } from '../kit/index.ts'
import type { Pair } from './bedrock-aws.ts'
import { type Scene, startScene } from './scene.ts'
import type { Row } from './table.ts'
import type { Voice } from './voice.ts'

/** Two gateways that take bearer tokens and signatures: one in clear text, one behind TLS with a certificate that this process trusts. */
export type Doors = Readonly<{
  clear: Scene
  tls: Scene
  /** The pair of the scene's own key; for every other key one that nobody has. */
  pairOf: (key: string) => Pair
  close(): Promise<void>
}>

const NOBODYS: Pair = { accessKeyId: 'CHKA00000000000000000000', secretAccessKey: 'nobody knows this secret' }

export async function openDoors(voice: Voice): Promise<Doors> {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-tls-'))
  const { key, cert } = selfSigned()
  writeFileSync(join(folder, 'key.pem'), key, { mode: 0o600 })
  writeFileSync(join(folder, 'cert.pem'), cert)
  setDefaultCACertificates([...getCACertificates('default'), cert])
  const identity = { sigv4: true }
  const files = { cert: join(folder, 'cert.pem'), key: `\${file:${join(folder, 'key.pem')}}` }
  const clear = await startScene(voice, { identity })
  const tls = await startScene(voice, {
    identity,
    listen: { data: '127.0.0.1:0', admin: '127.0.0.1:0', tls: files },
  })
  const pairs = new Map<string, Pair>()
  for (const { house } of [clear, tls]) {
    pairs.set(house.key, await pairKey(join(house.folder, 'keys', STORE_NAME), house.key.slice(4, 12), 0))
  }
  return {
    clear,
    tls,
    pairOf: (gatewayKey) => pairs.get(gatewayKey) ?? NOBODYS,
    close: async () => {
      await clear.close()
      await tls.close()
      rmSync(folder, { recursive: true })
    },
  }
}

const EVERYWHERE = [
  'allowed',
  'a tool declared and called',
  'denied by residency',
  'a wrong key',
  "the provider's 500",
  'the provider dies in the middle of its answer',
  'the provider ends its answer early, without a sign of it',
  "the provider's own error in the middle of its stream",
  'the policy refuses the answer',
]

/** The rows that are asked over every other transport and with signatures, too. */
export function everywhere(rows: readonly Row[]): readonly Row[] {
  return rows.filter(({ name }) => EVERYWHERE.includes(name))
}
