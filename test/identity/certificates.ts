import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** PEM texts, and the files that hold them. */
export type Issued = Readonly<{ cert: string; key: string; certFile: string; keyFile: string }>

export type Wish = Readonly<{
  /** As openssl.cnf has it: `URI:spiffe://bank.example/claims,DNS:claims.bank.example`. Absent: none. */
  san?: string
  cn?: string
  /** Absent: clientAuth; null: none at all. */
  eku?: string | null
  /** As `-not_before` and `-not_after` have them; absent: from now for a day. */
  from?: string
  to?: string
  ca?: boolean
}>

/** A CA of openssl's own, in a folder of its own. */
export type Authority = Issued &
  Readonly<{
    issue(wish: Wish): Issued
    /** A CA below this one. */
    below(): Authority
  }>

let number = 0

/** @param folder where the files go */
export function authority(folder: string, by?: Issued): Authority {
  const own = make(folder, { cn: `test CA ${number}`, eku: null, ca: true }, by)
  return { ...own, issue: (wish) => make(folder, wish, own), below: () => authority(folder, own) }
}

export function selfIssued(folder: string, wish: Wish): Issued {
  return make(folder, wish)
}

export function certificateFolder(): Readonly<{ folder: string; remove(): void }> {
  const folder = mkdtempSync(join(tmpdir(), 'customhouse-certificates-'))
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** Whether openssl is here; with CI=true it must be. */
export function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch (cause) {
    if (process.env.CI === 'true') throw new Error('openssl must be here where CI=true', { cause })
    console.log('skipped: openssl is not here')
    return false
  }
}

function make(folder: string, wish: Wish, by?: Issued): Issued {
  number += 1
  const at = (end: string): string => join(folder, `${number}.${end}`)
  const [keyFile, certFile] = [at('key'), at('crt')]
  const { eku = 'clientAuth', ca = false, cn = 'nobody' } = wish
  const lines = [
    `basicConstraints=critical,CA:${ca ? 'TRUE' : 'FALSE'}`,
    `keyUsage=critical,${ca ? 'digitalSignature,keyCertSign,cRLSign' : 'digitalSignature'}`,
    ...(eku === null ? [] : [`extendedKeyUsage=${eku}`]),
    ...(wish.san === undefined ? [] : [`subjectAltName=${wish.san}`]),
  ]
  writeFileSync(at('cnf'), `[req]\ndistinguished_name=dn\n[dn]\n[ext]\n${lines.join('\n')}\n`)
  const openssl = (...args: readonly string[]): void => void execFileSync('openssl', args, { stdio: 'pipe' })
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', keyFile)
  openssl('req', '-new', '-key', keyFile, '-subj', `/CN=${cn}`, '-config', at('cnf'), '-out', at('csr'))
  if (wish.from === undefined && wish.to === undefined) {
    const signer =
      by === undefined ? ['-signkey', keyFile] : ['-CA', by.certFile, '-CAkey', by.keyFile, '-CAcreateserial']
    openssl(
      'x509',
      '-req',
      '-in',
      at('csr'),
      ...signer,
      '-days',
      '1',
      '-extfile',
      at('cnf'),
      '-extensions',
      'ext',
      '-out',
      certFile,
    )
  } else {
    // `openssl x509` of Debian 12 knows days alone; `openssl ca` knows dates.
    writeFileSync(at('index'), '')
    writeFileSync(at('serial'), '01\n')
    writeFileSync(
      at('ca.cnf'),
      `[ca]\ndefault_ca=c\n[c]\ndatabase=${at('index')}\nserial=${at('serial')}\nnew_certs_dir=${folder}\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n`,
    )
    openssl(
      'ca',
      '-batch',
      '-config',
      at('ca.cnf'),
      '-in',
      at('csr'),
      '-cert',
      by?.certFile ?? '',
      '-keyfile',
      by?.keyFile ?? '',
      '-startdate',
      wish.from ?? '20200101000000Z',
      '-enddate',
      wish.to ?? '20990101000000Z',
      '-extfile',
      at('cnf'),
      '-extensions',
      'ext',
      '-notext',
      '-out',
      certFile,
    )
  }
  return { keyFile, certFile, key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') }
}
