import { spawn } from 'node:child_process'
import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { dictionaryLine } from '../../plugins/redaction/custom/index.ts'
import { BIN, newFolder, type Ran, run } from './run.ts'

const folder = newFolder()
let number = 0
function file(text: string | Uint8Array, name = `${number++}.txt`): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}
const jsonl = (texts: readonly unknown[]): string => file(texts.map((one) => `${JSON.stringify(one)}\n`).join(''))
type Told = Readonly<{
  spans: readonly Readonly<{ start: number; end: number; type: string; score: number; rule?: string }>[]
}>
const lines = ({ stdout }: Ran): readonly Told[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

const CARD = '4111 1111 1111 1111'
const MAIL = 'anna@example.org'

describe('customhouse inspect --jsonl', () => {
  it('answers each line with its spans, in order: UTF-16 offsets, sorted, none over another', async () => {
    const texts = ['', `🙂 ${MAIL} paid with ${CARD}.`, 'nothing here', `line\u2028separator ${MAIL}`]
    const ran = await run(['inspect', '--jsonl', jsonl(texts.map((text) => ({ text })))])
    expect(ran.code).toBe(0)
    expect(ran.stderr).toBe('')
    const told = lines(ran)
    const shown = told.map(({ spans }, at) => spans.map(({ start, end, type }) => [type, texts[at]?.slice(start, end)]))
    expect(shown).toEqual([
      [],
      [
        ['EMAIL', MAIL],
        ['CREDIT_CARD', CARD],
      ],
      [],
      [['EMAIL', MAIL]],
    ])
    for (const { score, rule } of told.flatMap(({ spans }) => spans)) {
      expect(score).toBeGreaterThanOrEqual(0.5)
      expect(rule).toBeUndefined()
    }
  })

  it('takes the key for a label, and names rules where asked', async () => {
    const given = [{ text: '7781204' }, { text: '7781204', key: 'patientMrn' }]
    const told = lines(await run(['inspect', '--jsonl', '--explain', jsonl(given)]))
    expect(told[0]?.spans.some(({ type }) => type === 'MRN')).toBe(false)
    expect(told[1]?.spans).toMatchObject([{ start: 0, end: 7, type: 'MRN', rule: expect.stringMatching(/\w/) }])
  })

  it('tells the types that were asked for, else those of the profile', async () => {
    const given = jsonl([{ text: `${MAIL} ${CARD}` }])
    const types = async (...args: readonly string[]) =>
      lines(await run(['inspect', '--jsonl', ...args, given])).flatMap(({ spans }) => spans.map(({ type }) => type))
    expect(await types('--types', 'EMAIL')).toEqual(['EMAIL'])
    expect(await types('--profile', 'pci')).toEqual(['CREDIT_CARD'])
    expect(await types('--profile', 'gdpr')).toContain('EMAIL')
  })

  it.each([
    ['no JSON', `{"text":"a"}\n{"text":"${MAIL}\n`, 'Line 2 is no JSON.'],
    ['no object', '"a"\n', 'Line 1 is no object with a member "text" that is a string.'],
    ['null', 'null\n', 'Line 1 is no object'],
    ['no text', '{"text":"a"}\n\n', 'Line 2 is no JSON.'],
    ['a text that is none', '{"text":7}\n', 'Line 1 is no object'],
    ['a key that is none', '{"text":"a","key":7}\n', 'Line 1 has a "key" that is no string.'],
    ['no UTF-8', Uint8Array.of(0x7b, 0xff, 0x0a), 'Line 1 or one soon after it is no UTF-8.'],
  ])('ends with 3 at a line that is %s, and quotes nothing of it', async (_, text, expected) => {
    const ran = await run(['inspect', '--jsonl', file(text)])
    expect(ran.code).toBe(3)
    expect(ran.stderr).toContain(expected)
    expect(ran.stderr).not.toContain(MAIL)
  })

  it('answers a line before the next one has come, and reads no faster than it is read', async () => {
    const child = spawn(process.execPath, [BIN, 'inspect', '--jsonl'], { stdio: ['pipe', 'pipe', 'inherit'] })
    let out = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text
    })
    child.stdin.write(`{"text":"${MAIL}"}\n`)
    await expect.poll(() => out, { timeout: 10_000 }).toMatch(/EMAIL.*\n$/)
    child.stdin.write(`{"text":"${CARD}"}`)
    child.stdin.end()
    await new Promise((done) => child.on('close', done))
    expect(out.trimEnd().split('\n')).toHaveLength(2)
  })

  it.each([
    [['inspect', '--types', 'EMIAL'], 'Did you mean EMAIL?'],
    [['inspect', '--types', 'QUUX_WIDGET'], 'Types of your own are those of --policies.'],
    [['inspect', '--profile', 'hippa_safe_harbor', '/dev/null'], 'Did you mean hipaa_safe_harbor?'],
    [['inspect', '--profile', 'off', '/dev/null'], 'takes nothing out of a call'],
    [['inspect', '--diff', 'a', 'b'], 'neither another file nor --jsonl'],
  ])('%s is wrong usage', async (args, expected) => {
    const ran = await run(args)
    expect(ran.code).toBe(3)
    expect(ran.stderr).toContain(expected)
  })
})

describe('customhouse inspect', () => {
  it('prints a table of types and places, and no text', async () => {
    const ran = await run(['inspect', '--explain', file(`Dear all,\n\n  ${MAIL}\n${CARD}\n`)])
    expect(ran.code).toBe(0)
    const rows = ran.stdout
      .trimEnd()
      .split('\n')
      .map((row) => row.split(/\s+/).slice(0, 3).join(' '))
    expect(rows).toEqual(['TYPE PLACE LENGTH', `EMAIL 3:3 ${MAIL.length}`, `CREDIT_CARD 4:1 ${CARD.length}`])
    expect(ran.stdout).not.toContain('anna')
  })

  it('says on stderr that nothing was found', async () => {
    const ran = await run(['inspect', file('all quiet')])
    expect([ran.code, ran.stdout, ran.stderr]).toEqual([0, '', 'Nothing was found.\n'])
  })
})

describe('customhouse inspect --diff', () => {
  const call = {
    model: 'gpt-4o',
    messages: [
      { role: 'system', content: 'You help.' },
      { role: 'user', content: `Write to ${MAIL} "today"` },
    ],
  }

  it('shows a call as it would be sent', async () => {
    const path = file(JSON.stringify(call), 'call.json')
    const ran = await run(['inspect', '--diff', path, '--profile', 'gdpr'])
    expect(ran.code).toBe(0)
    expect(ran.stderr).toBe('Read as openai.chat.\n')
    const changed = ran.stdout.split('\n').filter((line) => /^[-+] /.test(line))
    expect(changed[0]).toContain(MAIL)
    expect(changed[1]).toMatch(/"content": "Write to EMAIL_1_[0-9a-z]{4} \\"today\\""/)
    expect(changed).toHaveLength(2)
  })

  const said = [{ role: 'user', content: [{ type: 'text', text: MAIL }] }]
  it.each([
    ['anthropic.messages', { model: 'claude', max_tokens: 9, system: 'You help.', messages: said }],
    ['bedrock.invoke', { anthropic_version: 'bedrock-2023-05-31', max_tokens: 9, messages: said }],
    ['bedrock.converse', { messages: [{ role: 'user', content: [{ text: MAIL }] }] }],
  ])('reads a body in the dialect that it is in: %s', async (dialect, body) => {
    const path = file(JSON.stringify(body), 'call.json')
    for (const asked of [[], ['--dialect', dialect]]) {
      const ran = await run(['inspect', '--diff', path, ...asked])
      expect([ran.code, ran.stderr]).toEqual([0, `Read as ${dialect}.\n`])
      expect(ran.stdout).toMatch(/"text": "EMAIL_1_\w{4}"/)
    }
  })

  it('shows plain text as it would be sent, and that nothing would change', async () => {
    const ran = await run(['inspect', '--diff', file(`one\n${MAIL}\nthree\n`)])
    expect(ran.stdout).toMatch(
      /^--- .*\n\+\+\+ .*\n@@ -1,3 \+1,3 @@\n one\n-anna@example\.org\n\+EMAIL_1_\w{4}\n three\n$/,
    )
    const same = await run(['inspect', '--diff', file('all quiet\n')])
    expect([same.code, same.stdout, same.stderr]).toEqual([0, '', 'Read as plain text.\nIt would be sent as it is.\n'])
  })

  it('refuses a file that is no call of the dialect that was named', async () => {
    const ran = await run([
      'inspect',
      '--dialect',
      'anthropic.messages',
      '--diff',
      file(JSON.stringify({ ...call, n: 2 })),
    ])
    expect(ran.code).toBe(3)
    expect(ran.stderr).toContain('The file is no call in anthropic.messages.')
  })

  it('says why nothing would be sent', async () => {
    const key = `AKIA${'IOSFODNN7EXAMPLQ'}`
    const ran = await run(['inspect', '--profile', 'finance', '--diff', file(`aws_access_key_id = ${key}\n`)])
    expect(ran.code).toBe(1)
    expect(ran.stderr).toContain('Nothing would be sent')
    expect(ran.stderr).not.toContain(key)
  })
})

describe('customhouse inspect --policies', { timeout: 120_000 }, () => {
  const salt = 'b2c7d0a1e5f64839'
  const org = {
    redaction: {
      defaults: { profile: 'standard' },
      tenants: {
        claims: { profile: 'own' },
        lab: { types: { EMAIL: 'drop' } },
        quiet: { profile: 'off' },
        kept: { types: { POLICY_NUMBER: 'keep' } },
        strict: { profile: 'hipaa_safe_harbor' },
      },
      profiles: { own: { redact: { types: { EMAIL: 'mask', POLICY_NUMBER: 'token', PROJECT: 'token' } } } },
      types: ['PROJECT'],
      entities: { POLICY_NUMBER: { pattern: 'PN-[0-9]{6}', tenants: ['claims', 'kept'] } },
      dictionaries: { claims: { salt, PROJECT: [dictionaryLine('Blue Heron', 'PROJECT', salt)] } },
      allow: { claims: { EMAIL: ['desk@example.org'] } },
    },
  }
  const policies = join(folder, 'policies')
  cpSync(join(import.meta.dirname, '../../policies'), policies, { recursive: true })
  writeFileSync(join(policies, 'org/redaction.yaml'), JSON.stringify(org))
  const text = `PN-123456 of blue heron, ${MAIL}, desk@example.org\n`

  it("shows what a tenant's calls would be sent as", async () => {
    const difference = async (...args: readonly string[]) =>
      (await run(['inspect', '--policies', policies, ...args, '--diff', file(text)])).stdout
        .split('\n')
        .filter((line) => /^\+[^+]/.test(line))
    const claims = await difference('--tenant', 'claims')
    expect(claims).toHaveLength(1)
    expect(claims[0]).toMatch(/^\+POLICY_NUMBER_1_\w{4} of PROJECT_1_\w{4}, \*+@\*+\.\*+, desk@example\.org$/)
    expect(await difference('--tenant', 'lab')).toEqual(['+PN-123456 of blue heron, , '])
    expect(await difference('--tenant', 'quiet')).toEqual([])
    expect((await difference())[0]).toMatch(/^\+PN-123456 of blue heron, EMAIL_1_\w{4}, EMAIL_2_\w{4}$/)
    expect((await difference('--tenant', 'claims', '--profile', 'gdpr'))[0]).toMatch(/, EMAIL_1_\w{4}, desk@/)
  })

  it('names the rule of an entity and of a dictionary', async () => {
    const ran = await run(['inspect', '--policies', policies, '--tenant', 'claims', '--explain', file(text)])
    const rows = ran.stdout.trimEnd().split('\n').slice(1)
    expect(rows.map((row) => row.split(/\s+/)).map(([type, , , , rule]) => [type, rule])).toEqual([
      ['POLICY_NUMBER', 'custom/POLICY_NUMBER'],
      ['PROJECT', 'dictionary/PROJECT'],
      ['EMAIL', expect.any(String)],
    ])
  })

  it('has the own number of a policy before an ID, and keeps it where the policy says so', async () => {
    const named = file('policy PN-123456\n')
    const rows = async (...args: readonly string[]) =>
      (await run(['inspect', '--policies', policies, ...args, '--explain', named])).stdout
        .trimEnd()
        .split('\n')
        .slice(1)
        .map((row) => row.split(/\s+/).at(-1))
    expect(await rows('--tenant', 'claims')).toEqual(['custom/POLICY_NUMBER'])
    expect(await rows('--tenant', 'lab')).toEqual(['id/label'])
    const kept = await run(['inspect', '--policies', policies, '--tenant', 'kept', '--diff', named])
    expect([kept.code, kept.stdout]).toEqual([0, ''])
    expect(kept.stderr).toContain('It would be sent as it is.')
  })

  it('takes types of the policies own, and says what is near', async () => {
    const args = ['inspect', '--policies', policies, '--tenant', 'claims', '--explain']
    const told = await run([...args, '--types', 'POLICY_NUMBER', file(text)])
    expect(told.stdout.match(/custom\/POLICY_NUMBER/g)).toHaveLength(1)
    const wrong = await run([...args, '--types', 'POLICY_NUMBR', file(text)])
    expect([wrong.code, wrong.stderr]).toEqual([3, expect.stringContaining('Did you mean POLICY_NUMBER?')])
  })

  it('says that a call with content that nobody reads would not be sent', async () => {
    const url = 'data:image/png;base64,iVBORw0KGgo='
    const content = [{ type: 'image_url', image_url: { url } }]
    const call = file(JSON.stringify({ model: 'gpt-4o', messages: [{ role: 'user', content }] }))
    for (const args of [
      ['--profile', 'hipaa_safe_harbor'],
      ['--policies', policies, '--tenant', 'strict'],
    ]) {
      const ran = await run(['inspect', ...args, '--diff', call])
      expect([ran.code, ran.stdout]).toEqual([1, ''])
      expect(ran.stderr).toMatch(/Nothing would be sent: content of kind image \(inline\) is not inspected/i)
    }
    const passed = await run(['inspect', '--profile', 'gdpr', '--diff', call])
    expect(passed.code).toBe(0)
  })

  it('says what is wrong with the data, as policy check does', async () => {
    const broken = join(folder, 'broken')
    cpSync(policies, broken, { recursive: true })
    const own = { redact: { types: { EMAIL: 'msk' } } }
    const redaction = { ...org.redaction, profiles: { own } }
    writeFileSync(join(broken, 'org/redaction.yaml'), JSON.stringify({ redaction }))
    for (const args of [
      ['inspect', '--policies', broken, file(text)],
      ['policy', 'check', broken],
    ]) {
      const ran = await run(args)
      expect(ran.code).not.toBe(0)
      expect(ran.stderr).toContain('org.redaction.profiles.own.redact cannot be used')
      expect(ran.stderr).toContain('types.EMAIL must be one of token, mask')
    }
  })
})
