import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { email } from '../../plugins/redaction/detect/contact/email.ts'
import { WORDS } from '../../plugins/redaction/detect/contact/words.ts'
import type { Span } from '../../plugins/redaction/detect/detector.ts'
import { tokensOf } from '../../plugins/redaction/detect/tokens.ts'

/** What is found at a threshold, as `TYPE text`: longest first where spans overlap. */
function found(text: string, key: string | null = null, least = 0.5): string[] {
  const spans: Span[] = []
  const reading = { text, tokens: tokensOf(text), hints: { key, role: 'user', channel: 'text' } } as const
  for (const detector of WORDS) detector.scan(reading, spans)
  const kept: Span[] = []
  for (const span of spans
    .filter(({ score }) => score >= least)
    .sort((a, b) => b.end - b.start - (a.end - a.start) || b.score - a.score)) {
    if (!kept.some((other) => other.start < span.end && span.start < other.end)) kept.push(span)
  }
  return kept.sort((a, b) => a.start - b.start).map(({ start, end, type }) => `${type} ${text.slice(start, end)}`)
}

const table = (rows: readonly (readonly [text: string, ...spans: string[]])[]) => {
  for (const [text, ...spans] of rows) it(JSON.stringify(text).slice(0, 90), () => expect(found(text)).toEqual(spans))
}

describe('mail addresses', () => {
  table([
    ['Write to Jane.Doe+tax@mail.example.co.uk, please.', 'EMAIL Jane.Doe+tax@mail.example.co.uk'],
    ['<mailto:j@x.org>', 'EMAIL j@x.org'],
    ['user=bob@corp.local;', 'EMAIL bob@corp.local'],
    ['jörg@müller.de und 用户@例子.中国', 'EMAIL jörg@müller.de', 'EMAIL 用户@例子.中国'],
    ['user@xn--80ak6aa92e.com.', 'EMAIL user@xn--80ak6aa92e.com'],
    ['root@[192.0.2.7] is mine', 'EMAIL root@[192.0.2.7]'],
    ['contact john dot doe at example dot com now', 'EMAIL john dot doe at example dot com'],
    ['john.doe [at] example.com', 'EMAIL john.doe [at] example.com'],
    ['jane (at) acme (dot) org', 'EMAIL jane (at) acme (dot) org'],
    ['escribe a juan arroba correo punto es', 'EMAIL juan arroba correo punto es'],
    ['my email is info@presidio.'],
    ['psql postgres://svc:pa55word@db.example.com:5432/x', 'SECRET postgres://svc:pa55word@db.example.com:5432/x'],
    ['mail ada.zed\n@lovelace-test.org, ok', 'EMAIL ada.zed\n@lovelace-test.org'],
    ['mail ada.zed@\r\nlovelace-test.org, ok', 'EMAIL ada.zed@\r\nlovelace-test.org'],
    ['the end\n@angular.io is here'],
    ['git@github.com:org/repo.git'],
    ['a @ b, 5 @ 3.20 each'],
  ])
})

it.each([
  'https://crm.example/users/ada.zed@lovelace-test.org/edit',
  'https://x.example/a,b;mail:ada.zed@lovelace-test.org',
  'https://x.example/q?u=ftp://ada:ada.zed@lovelace-test.org',
  'https://ada.zed@lovelace-test.org/x',
  'mailto:ada.zed@lovelace-test.org',
  'mailto://ada.zed@lovelace-test.org',
])('an address in a URL is found as one: %s', (text) => {
  const spans: Span[] = []
  email.scan({ text, tokens: tokensOf(text), hints: { key: null, role: 'user', channel: 'text' } }, spans)
  expect(spans.map(({ start, end }) => text.slice(start, end))).toEqual(['ada.zed@lovelace-test.org'])
})

describe('telephone numbers', () => {
  table([
    ['Call (415) 555-0132 or +44 20 7123 4567.', 'PHONE (415) 555-0132', 'PHONE +44 20 7123 4567'],
    ['fax 415.555.0132 x123', 'PHONE 415.555.0132 x123'],
    ['Tel.: 913 908 121', 'PHONE 913 908 121'],
    ['móvil 626807465', 'PHONE 626807465'],
    ['Appelez le 06 12 34 56 78', 'PHONE 06 12 34 56 78'],
    ['Telefon: 030 1234567', 'PHONE 030 1234567'],
    ['reach me at 555-1234', 'PHONE 555-1234'],
    ['+1 (212) 555-0187 ext. 4', 'PHONE +1 (212) 555-0187 ext. 4'],
    ['96 228011 office', 'PHONE 96 228011'],
    ['NºCol: 08 08 16495. Vall d´Hebron, 119-129 08035 Barcelona'],
    ['card 4111 1111 1111 1111'],
    ['SSN 536-90-4399'],
    ['invoice 4155550132'],
    ['account number 415-555-0132'],
    ['the sum of 1234567 and 7654321 is 8888888'],
    ['$4155550132 in total'],
    ['we reach 250000 members'],
  ])
})

describe('addresses of networks', () => {
  table([
    ['see https://example.com/a?b=c#d.', 'URL https://example.com/a?b=c#d'],
    ['(http://en.wikipedia.org/wiki/X_(y))', 'URL http://en.wikipedia.org/wiki/X_(y)'],
    ['www.microsoft.com and google.co.il/maps', 'URL www.microsoft.com', 'URL google.co.il/maps'],
    ['in Billing.java, Billing.java:42 and main.rs:12'],
    ['read report.pdf, main.py and node.js 18.2.1'],
    ['Done.So it goes. user.name is this.id'],
    ['http://[2001:db8::1]:8080/x', 'URL http://[2001:db8::1]:8080/x'],
    ['from 10.0.0.1 to 192.168.1.0/24', 'IP 10.0.0.1', 'IP 192.168.1.0/24'],
    ['fe80::1%eth0, ::1, ::ffff:192.0.2.1', 'IP fe80::1%eth0', 'IP ::1', 'IP ::ffff:192.0.2.1'],
    ['4f8a:c99e:dc86:faf9:5988:5f63:375e:8a2a', 'IP 4f8a:c99e:dc86:faf9:5988:5f63:375e:8a2a'],
    ['version 1.2.3.4 of 256.1.1.1 and 1.2.3.4.5'],
    ['text::ffff:192.0.2.1', 'IP 192.0.2.1'],
    ['::ffff:256.0.0.1 and 192.168.1.256'],
    ['std::vector<int> and 12:30:45'],
    [
      '00:1A:2B:3C:4D:5E AA-BB-CC-DD-EE-FF 0012.3456.789a',
      'MAC 00:1A:2B:3C:4D:5E',
      'MAC AA-BB-CC-DD-EE-FF',
      'MAC 0012.3456.789a',
    ],
    ['FF:FF:FF:FF:FF:FF 00:00:00:00:00:00 10:2F:33-AC-29-C3'],
    ['username: jdoe_42, ok', 'USERNAME jdoe_42'],
    ['my username is tnguyen_88 and', 'USERNAME tnguyen_88'],
    ['INFO user=mrodriguez action=login', 'USERNAME mrodriguez'],
    ['log in as JSmith42 please', 'USERNAME JSmith42'],
    ['nazwa użytkownika: jan_k', 'USERNAME jan_k'],
    ['User: Hello, the username is required'],
    ['follow @jane_doe on twitter', 'USERNAME @jane_doe'],
    ['@Override @media (x) @param name'],
  ])
})

describe('dates and ages', () => {
  table([
    ['born 6/23/1982, seen 2024-03-15T14:30:00.123+02:00.', 'DATE 6/23/1982', 'DATE 2024-03-15T14:30:00.123+02:00'],
    ['am 21.5.2021 und am 3. Mai 2021', 'DATE 21.5.2021', 'DATE 3. Mai 2021'],
    ['nació el 12 de marzo de 1990', 'DATE 12 de marzo de 1990'],
    ['le 1er janvier 2020', 'DATE 1er janvier 2020'],
    [
      'il 5 maggio 1999; 7 de abril de 2001; 9 maart 2018',
      'DATE 5 maggio 1999',
      'DATE 7 de abril de 2001',
      'DATE 9 maart 2018',
    ],
    ['on March 5th, 2019 and in June 2020', 'DATE March 5th, 2019', 'DATE June 2020'],
    ['the 5th of November', 'DATE 5th of November'],
    ['13-noviembre-2017', 'DATE 13-noviembre-2017'],
    ['2021年5月3日', 'DATE 2021年5月3日'],
    ['I may 3 times march on; version 1.2.2021.4; 3/4 of it'],
    ['31/02/2020 is no day'],
    ['a 37-year-old man', 'AGE 37-year-old'],
    ['aged 64, he', 'AGE 64'],
    ['Giuseppe De Luca, 71 anni, dimesso', 'AGE 71 anni'],
    ['Anna Schmidt (71 Jahre)', 'AGE 71 Jahre'],
    ['pacjent, 71 lat, przyjęty', 'AGE 71 lat'],
    ['in office, 12 years, and then'],
    ['mujer de 70 años con dolor', 'AGE 70 años'],
    ['Edad: 58', 'AGE 58'],
    ['er ist 45 Jahre alt', 'AGE 45 Jahre alt'],
    ['âgé de 60 ans', 'AGE 60 ans'],
    ['36 y/o female', 'AGE 36 y/o'],
    ['5 years ago, for 10 years; desde hace 5 años'],
  ])
})

describe('places', () => {
  table([
    ['lives at 742 Evergreen Terrace, Springfield, IL 62704.', 'ADDRESS 742 Evergreen Terrace, Springfield, IL 62704'],
    ['221B Baker Street', 'ADDRESS 221B Baker Street'],
    ['1600 Pennsylvania Ave NW, Apt. 4B', 'ADDRESS 1600 Pennsylvania Ave NW, Apt. 4B'],
    ['P.O. Box 175', 'ADDRESS P.O. Box 175'],
    ['C/ Manuel Llorente, 3', 'ADDRESS C/ Manuel Llorente, 3'],
    ['Domicilio: Calle Puente cesures 3, 1A.', 'ADDRESS Calle Puente cesures 3, 1A'],
    ['Hauptstraße 12a in Bonn', 'ADDRESS Hauptstraße 12a'],
    ['Berliner Str. 7', 'ADDRESS Berliner Str. 7'],
    ['12 rue de la Paix, Paris', 'ADDRESS 12 rue de la Paix'],
    ['via Garibaldi 12', 'ADDRESS via Garibaldi 12'],
    ['at 68 Hulsterdreef 100 Apt. 535, thanks', 'ADDRESS 68 Hulsterdreef 100 Apt. 535'],
    ['Lindenweg 3, 10115 Berlin ist', 'ADDRESS Lindenweg 3, 10115 Berlin'],
    ['9 Mill Lane, Great Snoring NR21 0HT.', 'ADDRESS 9 Mill Lane, Great Snoring NR21 0HT'],
    ['zip code is 72664', 'ZIP 72664'],
    ['SW1A 1AA; K1A 0B6; CP: 28016', 'ZIP SW1A 1AA', 'ZIP K1A 0B6', 'ZIP 28016'],
    ['a 10 minute drive, 3 way street talk, tumour T4N2M1'],
  ])
})

describe('secrets and wallets', () => {
  // Put together here, so that no scanner of repositories takes them for real ones.
  const key = (prefix: string, body: string): string => `${prefix}${body}`
  const body = 'aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5'
  for (const prefix of [
    'sk-proj-',
    'sk-ant-',
    'ghp_',
    'github_pat_',
    'glpat-',
    'hf_',
    'npm_',
    'gsk_',
    'xoxb-',
    'sk_live_',
    'shpat_',
    'whsec_',
  ]) {
    it(prefix, () => expect(found(`use ${key(prefix, body)}, now`)).toEqual([`SECRET ${key(prefix, body)}`]))
  }
  table([
    [`AKIA${'IOSFODNN7EXAMPLE'} here`, `SECRET AKIA${'IOSFODNN7EXAMPLE'}`],
    ['password: hunter2', 'SECRET hunter2'],
    ['my password is Tr0ub4dor&3.', 'SECRET Tr0ub4dor&3'],
    ['DB_PASSWORD="a b c 1"', 'SECRET a b c 1'],
    ['Contraseña: verano2023', 'SECRET verano2023'],
    ['postgres://u:p4ss@db.example.com:5432/x', 'SECRET postgres://u:p4ss@db.example.com:5432/x'],
    [`Authorization: Bearer ${body}`, `SECRET ${body}`],
    [
      '-----BEGIN RSA PRIVATE KEY-----\nMIIE\nAAAA\n-----END RSA PRIVATE KEY-----\nx',
      'SECRET -----BEGIN RSA PRIVATE KEY-----\nMIIE\nAAAA\n-----END RSA PRIVATE KEY-----',
    ],
    ['-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----'],
    ['The password is required. max_tokens: 512. password=process.env.PW, apiKey: {{KEY}}'],
    ['sk-learn-based-classifier-of-things'],
    ['16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1BoyZ', 'CRYPTO 16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1BoyZ'],
    ['16Yeky6GMjeNkAiNcBY7ZhrLoMSgg1BoyZ2'],
    ['bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq', 'CRYPTO bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq'],
    ['0x52908400098527886E0F7030069857D2E4169EE7', 'CRYPTO 0x52908400098527886E0F7030069857D2E4169EE7'],
  ])
})

describe('the name of a JSON member is a label', () => {
  it.each([
    ['userName', 'jdoe42', 'USERNAME jdoe42'],
    ['dbPassword', 'correct-horse', 'SECRET correct-horse'],
    ['api_key', 'abc123def456', 'SECRET abc123def456'],
    ['patient_age', '58', 'AGE 58'],
    ['zip', '94110', 'ZIP 94110'],
    ['mobilePhone', '626807465', 'PHONE 626807465'],
    ['birthDate', '19900312', 'DATE 19900312'],
    ['homeAddress', 'Teatinos 180', 'ADDRESS Teatinos 180'],
  ])('%s', (key, text, span) => expect(found(text, key)).toEqual([span]))
})

describe('properties', () => {
  const glue = fc.constantFrom(' ', ', ', '\n', '; ', ' (', '"')
  it('mail addresses are found whole wherever they stand', () => {
    const local = fc.stringMatching(/^[a-z][a-z0-9]{0,9}(?:[._+-][a-z0-9]{1,6}){0,2}$/)
    const domain = fc.tuple(
      fc.stringMatching(/^[a-z][a-z0-9]{1,9}$/),
      fc.constantFrom('com', 'org', 'de', 'co.uk', 'museum', 'example'),
    )
    fc.assert(
      fc.property(local, domain, glue, glue, (name, [host, top], before, after) => {
        const mail = `${name}@${host}.${top}`
        expect(found(`x${before}${mail}${after}y`)).toContain(`EMAIL ${mail}`)
      }),
    )
  })
  it('IP addresses of both versions are found whole wherever they stand', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.ipV4(),
          fc.ipV6().filter((ip) => /\d/.test(ip)),
        ),
        glue,
        glue,
        (ip, before, after) => {
          expect(found(`x${before}${ip}${after}y`, null, 0.9)).toContain(`IP ${ip}`)
        },
      ),
    )
  })
  it('days of the calendar are dates in every order, others are none', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('1900-01-01T00:00:00Z'), max: new Date('2099-12-31T00:00:00Z'), noInvalidDate: true }),
        fc.constantFrom('-', '/', '.'),
        (date, mark) => {
          const [year = '', month = '', day = ''] = date.toISOString().slice(0, 10).split('-')
          for (const text of [
            `${day}${mark}${month}${mark}${year}`,
            `${month}${mark}${day}${mark}${year}`,
            `${year}-${month}-${day}`,
          ])
            expect(found(`x ${text} y`)).toEqual([`DATE ${text}`])
          expect(found(`x ${year}-13-32 y`)).toEqual([])
        },
      ),
    )
  })
})

describe('labelled text', () => {
  const folder = process.env.CUSTOMHOUSE_PII ?? join(import.meta.dirname, '..', '..', '..', 'shared', 'pii')
  const file = join(folder, 'presidio_generated_large.jsonl')
  it.skipIf(!existsSync(file))(
    `structured types of presidio are found (skipped without ${file.slice(folder.length + 1)})`,
    () => {
      const wanted = new Map<string, { gold: number; hit: number; found: number; good: number }>()
      for (const line of readFileSync(file, 'utf8').split('\n')) {
        if (line === '') continue
        const { text, spans } = JSON.parse(line) as {
          text: string
          spans: { start: number; end: number; type: string }[]
        }
        const ours = found(text)
        for (const type of ['EMAIL', 'URL', 'IP', 'DATE']) {
          const row = wanted.get(type) ?? { gold: 0, hit: 0, found: 0, good: 0 }
          wanted.set(type, row)
          const gold = spans
            .filter((span) => span.type === type)
            .map(({ start, end }) => `${type} ${text.slice(start, end)}`)
          const here = ours.filter((span) => span.startsWith(`${type} `))
          row.gold += gold.length
          row.hit += gold.filter((span) => here.includes(span)).length
          row.found += here.length
          row.good += here.filter((span) => gold.includes(span)).length
        }
      }
      for (const [type, { gold, hit, found: all, good }] of wanted) {
        expect([type, hit / gold >= 0.99, good / all >= 0.99]).toEqual([type, true, true])
      }
    },
  )
})
