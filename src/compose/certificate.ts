import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { Logger } from 'pino'
import type { LoadedConfig } from '../config.ts'
import type { Listener } from '../http/listener.ts'
import type { Certificate } from '../http/secure.ts'
import { errorFacts } from './log.ts'

/** What the data port shows, read now; null where it speaks clear text. Must throw ERR_CONFIG_INVALID where it is no certificate of the key. */
export async function readCertificate(loaded: LoadedConfig): Promise<Certificate | null> {
  const { tls } = loaded.config.listen
  if (tls === null) return null
  try {
    const certificate = {
      cert: await readFile(tls.cert, 'utf8'),
      key: tls.key.reveal(),
      ...(tls.clientCa === null ? {} : { clientCa: await readFile(tls.clientCa, 'utf8') }),
    }
    createSecureContext(certificate)
    return certificate
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    const message = `cannot be used with its key (${code}): both must be PEM, and the key that of the first certificate`
    throw loaded.invalid([{ path: ['listen', 'tls', 'cert'], message }])
  }
}

/** Shows what a reload brought. A certificate that cannot be used changes nothing: the last good one stays. */
export async function renewCertificate(listener: Listener, loaded: LoadedConfig, log: Logger): Promise<void> {
  try {
    const certificate = await readCertificate(loaded)
    if (certificate !== null) listener.renew(certificate)
  } catch (error) {
    log.error(errorFacts(error), 'the new certificate of the data port was rejected; the last good one stays')
  }
}
