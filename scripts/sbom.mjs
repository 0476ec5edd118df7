// What the shipped product is made of, from package-lock.json and toolchain/go.mod alone: no network, the same bytes each time.
//
//   node scripts/sbom.mjs [folder]   writes customhouse.cdx.json (CycloneDX 1.5), customhouse.spdx.json (SPDX 2.3) and LICENCES.txt there; default: .
//
// Not `npm sbom`: from the lock file it names 64 of these packages, and each time another serial number and moment.
// Exit codes: 0 written, 2 a package has a licence that is not on the list, or lacks one, its version or its integrity.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const ALLOWED = ['MIT', 'Apache-2.0', 'ISC', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', '0BSD']
/** Which one we take of a package that offers several: as its package.json says it, as SPDX writes that, and the one. Another choice than this is refused. */
const CHOSEN = { ibantools: { says: 'MIT or MPL-2.0', declared: 'MIT OR MPL-2.0', licence: 'MIT' } }
/** Reproducible builds give the moment in SOURCE_DATE_EPOCH, in seconds; without it there is none to tell. */
const created = new Date(Number(process.env.SOURCE_DATE_EPOCH ?? 0) * 1000).toISOString().replace('.000Z', 'Z')

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
const packages = shipped()
const faults = packages.flatMap((one) => faultsOf(one))
for (const fault of faults) console.error(`sbom: ${fault}`)
if (faults.length > 0) process.exit(2)
const modules = goModules()
const folder = process.argv[2] ?? '.'
mkdirSync(folder, { recursive: true })
writeJson('customhouse.cdx.json', cyclonedx())
writeJson('customhouse.spdx.json', spdx())
writeFileSync(join(folder, 'LICENCES.txt'), licences())

function writeJson(name, value) {
  writeFileSync(join(folder, name), `${JSON.stringify(value, null, 2)}\n`)
}

/** Each package once by name and version, wherever npm puts it; Node itself, which some platforms get as a package, is one. */
function shipped() {
  const found = new Map()
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (path === '' || entry.dev === true) continue
    const name = entry.name ?? path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
    const choice = CHOSEN[name]?.says === entry.license ? CHOSEN[name] : undefined
    const one = {
      name,
      version: entry.version,
      licence: choice?.licence ?? entry.license,
      declared: choice?.declared ?? entry.license,
      integrity: entry.integrity,
      optional: entry.optional === true || entry.devOptional === true,
    }
    found.set(`${name}@${entry.version}`, one)
  }
  return [...found.values()].sort((a, b) => (reference(a) < reference(b) ? -1 : 1))
}

function faultsOf({ name, version, licence, integrity }) {
  const faults = []
  if (!ALLOWED.includes(licence))
    faults.push(`${name} ${version} has the licence ${licence ?? '(none)'}, allowed are ${ALLOWED.join(', ')}`)
  if (!/^\d+\.\d+\.\d+/.test(version ?? '')) faults.push(`${name} has no version`)
  if (!/^sha512-[\w+/]{86}==$/.test(integrity ?? '')) faults.push(`${name} ${version} has no SHA-512`)
  return faults
}

/** What is compiled into toolchain/dist/rego.wasm.br. go.mod knows no licences; OPA's is Apache-2.0. */
function goModules() {
  const text = readFileSync(join(root, 'toolchain/go.mod'), 'utf8')
  return [...text.matchAll(/^(?:require |\t)(\S+\.\S+\/\S+) (v\S+)/gm)].map(([, name, version]) => ({ name, version }))
}

function reference({ name, version }) {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`
}

function goReference({ name, version }) {
  return `pkg:golang/${name}@${version}`
}

function sha512({ integrity }) {
  return Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex')
}

/** A UUID that is the same for the same parts. */
function serial() {
  const parts = [...packages.map((one) => `${reference(one)} ${one.integrity}`), ...modules.map(goReference)]
  const hash = createHash('sha256')
    .update(`${manifest.version}\n${parts.join('\n')}`)
    .digest('hex')
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`
}

function cyclonedx() {
  const self = `pkg:npm/${manifest.name}@${manifest.version}`
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    serialNumber: `urn:uuid:${serial()}`,
    version: 1,
    metadata: {
      timestamp: created,
      component: {
        'bom-ref': self,
        type: 'application',
        name: manifest.name,
        version: manifest.version,
        licenses: [{ license: { id: manifest.license } }],
        purl: self,
      },
    },
    components: [
      ...packages.map((one) => ({
        'bom-ref': reference(one),
        type: 'library',
        name: one.name,
        version: one.version,
        scope: one.optional ? 'optional' : 'required',
        hashes: [{ alg: 'SHA-512', content: sha512(one) }],
        licenses: [{ license: { id: one.licence } }],
        purl: reference(one),
      })),
      ...modules.map((one) => ({
        'bom-ref': goReference(one),
        type: 'library',
        name: one.name,
        version: one.version,
        scope: 'required',
        purl: goReference(one),
      })),
    ],
  }
}

function spdx() {
  const id = (text) => `SPDXRef-${text.replace(/[^A-Za-z0-9.-]+/g, '-')}`
  const entry = (name, version, purl, licence, more) => ({
    SPDXID: id(purl),
    name,
    versionInfo: version,
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: licence,
    copyrightText: 'NOASSERTION',
    externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl }],
    ...more,
  })
  const self = entry(manifest.name, manifest.version, `pkg:npm/${manifest.name}@${manifest.version}`, manifest.license)
  const parts = [
    ...packages.map((one) =>
      entry(one.name, one.version, reference(one), one.declared, {
        ...(one.declared === one.licence ? {} : { licenseConcluded: one.licence }),
        checksums: [{ algorithm: 'SHA512', checksumValue: sha512(one) }],
      }),
    ),
    ...modules.map((one) => entry(one.name, one.version, goReference(one), 'NOASSERTION')),
  ]
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: `${manifest.name}-${manifest.version}`,
    documentNamespace: `urn:uuid:${serial()}`,
    creationInfo: { created, creators: ['Tool: customhouse/scripts/sbom.mjs'] },
    packages: [self, ...parts],
    relationships: [
      { spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: self.SPDXID },
      ...parts.map((part) => ({
        spdxElementId: self.SPDXID,
        relationshipType: 'CONTAINS',
        relatedSpdxElement: part.SPDXID,
      })),
    ],
  }
}

function licences() {
  const lines = packages.map((one) => `${one.licence.padEnd(14)}${one.name} ${one.version}`).sort()
  const compiled = modules.map(
    (one) =>
      `${one.name === 'github.com/open-policy-agent/opa' ? 'Apache-2.0' : 'see its source'}`.padEnd(16) +
      `${one.name} ${one.version}`,
  )
  return `customhouse ${manifest.version} is licensed under ${manifest.license}. It ships these packages of npm, each with its licence in its folder:\n\n${lines.join('\n')}\n\nCompiled into toolchain/dist/rego.wasm.br, modules of Go:\n\n${compiled.join('\n')}\n`
}
