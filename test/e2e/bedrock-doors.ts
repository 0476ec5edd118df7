import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { BedrockRuntimeServiceException, ConverseCommand } from '@aws-sdk/client-bedrock-runtime'
import { expect, vi } from 'vitest'
import { pairKey, STORE_NAME } from '../../src/identity/index.ts'
import type { House } from '../house.ts'
import { awsClient, type Pair } from './bedrock-aws.ts'
import { type Counted, type Scene, startScene } from './scene.ts'
import type { Row } from './table.ts'
import { listenTls, overH2c } from './transport.ts'
import type { Voice } from './voice.ts'

/** Two gateways that take bearer tokens and signatures: one in clear text, one behind TLS with a certificate that this process trusts. */
export type Doors = Readonly<{
  clear: Scene
  /** The one in clear text, over HTTP/2: for clients that leave the transport to `fetch`. */
  h2c: Scene
  tls: Scene
  /** The pair of the scene's own key; for every other key one that nobody has. */
  pairOf: (key: string) => Pair
  close(): Promise<void>
}>

const NOBODYS: Pair = { accessKeyId: 'CHKA00000000000000000000', secretAccessKey: 'nobody knows this secret' }

export async function openDoors(voice: Voice): Promise<Doors> {
  const { listen, ca, remove } = listenTls()
  // Not every client here can be told of a certificate.
  setDefaultCACertificates([...getCACertificates('default'), ca])
  const identity = { sigv4: true }
  const clear = await startScene(voice, { identity })
  const tls = await startScene(voice, { identity, listen })
  const pairs = new Map(await Promise.all([clear, tls].map(paired)))
  const transport = overH2c(clear.house.customhouse.data)
  return {
    clear,
    h2c: { ...clear, send: transport.send },
    tls,
    pairOf: (gatewayKey) => pairs.get(gatewayKey) ?? NOBODYS,
    close: async () => {
      await transport.close()
      await clear.close()
      await tls.close()
      remove()
    },
  }
}

/** A scene's key, and a pair for it that the gateway knows. */
async function paired({ house }: Scene): Promise<readonly [string, Pair]> {
  const pair = await pairKey(join(house.folder, 'keys', STORE_NAME), house.key.slice(4, 12), 0)
  // The gateway follows the store, in which the pair is new.
  await vi.waitFor(async () => expect(await statusOfSigned(house, pair)).toBe(404), { timeout: 10_000 })
  return [house.key, pair]
}

/** What a signed call for a model that nobody has comes to. */
async function statusOfSigned({ customhouse, key }: House, pair: Pair): Promise<number | undefined> {
  const calls: Counted['calls'] = []
  const client = awsClient({ key, baseURL: `${customhouse.data}/bedrock`, retries: 0, calls }, { pairOf: () => pair })
  try {
    await client.send(
      new ConverseCommand({ modelId: 'nobodys', messages: [{ role: 'user', content: [{ text: 'x' }] }] }),
    )
  } catch (error) {
    if (!(error instanceof BedrockRuntimeServiceException)) throw error
  } finally {
    client.destroy()
  }
  return calls[0]?.status
}

const EVERYWHERE = [
  'allowed',
  'a tool declared and called',
  'denied by residency',
  'a wrong key',
  "the provider's 429, waited for and repeated by the SDK",
  "the provider's 500",
  'the provider hangs up before it answers',
  'the provider dies in the middle of its answer',
  'the provider ends its answer early, without a sign of it',
  "the provider's own error in the middle of its stream",
  'the policy refuses the answer',
]

/** The rows that are asked over every other transport and with signatures, too. */
export function everywhere(rows: readonly Row[]): readonly Row[] {
  return rows.filter(({ name }) => EVERYWHERE.includes(name))
}
