import { failure, hangUp, reset, type Script, shortBody, silence, tooMany, whole } from '../../kit/index.ts'
import { type Saying, speak } from '../answers.ts'
import { ANTHROPIC, AZURE, CONVERSE, DIALECTS, type Door, OPENAI } from '../doors.ts'
import { FLAKY } from '../names.ts'
import { FAILED, kept, type Row, rows, type Way } from '../row.ts'
import type { Arrival } from '../world.ts'

const familyOf = ({ form }: Door) => (form === 'mistral' ? 'openai' : form)
type Answer = ((arrival: Arrival) => Script) | 'unreachable'

/** The first target is permitted and plays this; those behind it are not permitted. */
const played =
  (name: string, answer: Answer, more: Partial<Way> = {}) =>
  (door: Door): Way => ({
    model: `pair-${familyOf(door)}`,
    plays: { name, authority: `${FLAKY[familyOf(door)]}:443`, answer },
    expected: FAILED,
    ...more,
  })
const ways = (table: Readonly<Record<string, Answer>>) =>
  Object.fromEntries(Object.entries(table).map(([name, answer]) => [name, played(name, answer)]))

/** The beginning of a good answer, then this. */
const broken = (arrival: Arrival, ending: 'fin' | 'reset' | 'hold'): Script => {
  const good = speak(arrival)
  const first = good.slice(0, 2)
  return good.length === 1 ? shortBody({ id: 'x' }, 100, ending) : [...first, ending]
}
const html = whole('<html>us.api.openai.com</html>', { fields: { 'content-type': 'text/html' } })

export const FALLBACKS = rows('fallback', DIALECTS, {
  ...ways({
    '429': () => tooMany(0),
    '500': () => failure(500),
    '502': () => failure(502),
    '503 with Retry-After': () => failure(503, { 'retry-after': '0' }),
    '529': () => failure(529),
    '401': () => failure(401),
    '403': () => failure(403),
    '404': () => failure(404),
    '408': () => failure(408),
    '409': () => failure(409),
    'no connection': 'unreachable',
    'no answer in time': () => silence,
    'a hang-up': () => hangUp,
    'a reset': () => reset,
    'a page of HTML': () => html,
    'an empty answer': () => whole('', { status: 200 }),
    'no content': () => [{ write: 'HTTP/1.1 204 No Content\r\n\r\n' }],
    'an end in the middle': (arrival) => broken(arrival, 'fin'),
    'a reset in the middle': (arrival) => broken(arrival, 'reset'),
    'silence in the middle': (arrival) => broken(arrival, 'hold'),
    'rubbish for a head': () => [{ write: 'SSH-2.0-OpenSSH\r\n\r\n' }, 'fin'],
    'an answer in an encoding that was not asked for': () =>
      whole({ id: 'x' }, { fields: { 'content-encoding': 'zstd' } }),
  }),
})

const AWAY = 'https://us.api.openai.com/v1/chat/completions'
const to =
  (status: number, location: string): Answer =>
  () =>
    whole('', { status, fields: { location } })

export const REDIRECTS = [
  ...rows('redirect', DIALECTS, {
    ...ways({
      '301 to another host': to(301, AWAY),
      '302 to another host': to(302, AWAY),
      '303 to another host': to(303, AWAY),
      '307 to another host': to(307, AWAY),
      '308 to another host': to(308, AWAY),
      '300 with a choice': to(300, AWAY),
      '305 to a proxy': to(305, 'http://us.api.openai.com:3128/'),
      '307 without a scheme': to(307, '//us.api.openai.com/v1/chat/completions'),
      '308 to another path of the same host': to(308, '/model/global.anthropic.claude/converse'),
      '307 to another port of the same host': to(307, 'https://flaky-o.bank.example:8443/v1/chat/completions'),
      '307 to clear text': to(307, 'http://us.api.openai.com/v1/chat/completions'),
      '307 with a credential': to(307, 'https://key:secret@us.api.openai.com/'),
      '307 with two addresses': () => [
        { write: `HTTP/1.1 307 X\r\nlocation: /a\r\nlocation: ${AWAY}\r\ncontent-length: 0\r\n\r\n` },
      ],
      '307 through dots': to(307, '/v1/../../us'),
      '421, sent to the wrong host': to(421, AWAY),
      '101, another protocol': () => [
        { write: 'HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n' },
      ],
      '402 with an address to pay at': () =>
        whole({ error: { message: `go to ${AWAY}`, url: AWAY } }, { status: 402, fields: { location: AWAY } }),
      '500 whose error names an address': () =>
        whole(
          { error: { message: `retry at ${AWAY}`, retry_url: AWAY } },
          { status: 500, fields: { 'retry-after': '0' } },
        ),
    }),
  }),
  ...rows('answer that leads away', DIALECTS, {
    Refresh: said({ fields: { refresh: `0; url=${AWAY}` } }),
    'Alt-Svc': said({ fields: { 'alt-svc': 'h2="us.api.openai.com:443"; ma=86400' } }),
    'Location on 200': said({ fields: { location: AWAY, 'content-location': AWAY } }),
    'Link with preconnect': said({ fields: { link: `<${AWAY}>; rel=preconnect` } }),
    'early hints': played(
      'early hints',
      (arrival) => [{ write: `HTTP/1.1 103 Early Hints\r\nlink: <${AWAY}>; rel=preload\r\n\r\n` }, ...speak(arrival)],
      { expected: kept() },
    ),
    'a tool call that names an endpoint': said({
      tools: [{ id: 'call_1', name: 'fetch', arguments: JSON.stringify({ url: AWAY, endpoint: 'us' }) }],
    }),
    'a cookie of another region': said({ fields: { 'set-cookie': 'region=us; domain=.openai.com' } }),
  }),
]

function said(saying: Saying) {
  return played(JSON.stringify(saying), (arrival) => speak(arrival, saying), { expected: kept() })
}

/** What the provider itself says of where it worked. */
const word =
  (authority: string, saying: Saying, more: Partial<Way> = {}) =>
  (): Way => ({
    plays: { name: JSON.stringify(saying), authority, answer: (arrival) => speak(arrival, saying) },
    expected: { kind: 'failed', record: 'call.displaced' },
    ...more,
  })
const API = 'api.anthropic.com:443'
const geo = { tenant: 'geo', model: 'claude-api' }
const AZURE_EU = 'claims-eu.openai.azure.com:443'

/** The word in one event alone. */
const only = (arrival: Arrival, type: string): Script => {
  const said = speak(arrival, { geo: 'global' })
  return said.map((step) =>
    typeof step === 'object' && 'write' in step && !String(step.write).includes(`"type":"${type}"`)
      ? { write: rechunked(String(step.write)) }
      : step,
  )
}
const rechunked = (text: string): string => {
  const plain = text.replace(/"inference_geo":"global",/g, '')
  const body = /^[0-9a-f]+\r\n([\s\S]*)\r\n$/.exec(plain)?.[1]
  return body === undefined ? plain : `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n`
}
const late = (streamed: boolean, type: string): Way | null =>
  streamed
    ? {
        ...geo,
        plays: { name: type, authority: API, answer: (arrival) => only(arrival, type) },
        expected: { kind: 'failed', record: 'call.displaced' },
      }
    : null

export const EVIDENCE: readonly Row[] = [
  ...rows('evidence that contradicts', [ANTHROPIC], {
    'inference_geo global': word(API, { geo: 'global' }, geo),
    'inference_geo in a word that nobody knows': word(API, { geo: 'moon' }, geo),
    'none, where it is required': () => ({
      tenant: 'proof',
      model: 'claude-api',
      plays: { name: 'none', authority: API, answer: (arrival) => speak(arrival) },
      expected: FAILED,
    }),
    'in the first event alone': (_, streamed) => late(streamed, 'message_start'),
    'in the last event alone': (_, streamed) => late(streamed, 'message_delta'),
  }),
  ...rows('evidence that contradicts', [AZURE], {
    'x-ms-region of America': word(AZURE_EU, { fields: { 'x-ms-region': 'East US 2' } }),
    'x-ms-region of Sweden, where Germany was judged': word(AZURE_EU, { fields: { 'x-ms-region': 'Sweden Central' } }),
    'x-ms-region of a place that nobody knows': word(AZURE_EU, { fields: { 'x-ms-region': 'Moon Base' } }),
  }),
  ...rows('certificate', [OPENAI], {
    'of another name than the host': () => ({ model: 'misnamed', expected: { kind: 'failed', reached: false } }),
  }),
  ...rows('retry', [OPENAI, ANTHROPIC, CONVERSE], {
    'to the same target, never to the next': (door) => ({
      ...played('500 twice', () => failure(500))(door),
      tenant: 'retried',
    }),
    'after a wait that the provider asks for': (door) => ({
      ...played('429', () => tooMany(0))(door),
      tenant: 'retried',
    }),
  }),
]
