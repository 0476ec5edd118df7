import { chanceOf } from './chance.ts'
import { type Document, noisy } from './corpus.ts'
import { filler } from './slots.ts'

/** Names of members of JSON, and what their values are. */
const KEYS: readonly (readonly [keys: string, values: string])[] = [
  [
    'name full_name customerName customer_name patient patientName contact_name contactName payee recipient author holder accountHolder beneficiary owner agent sender signatory nombre nom spouse doctor assignee',
    'fl fl fl f p',
  ],
  ['first_name firstName given_name vorname prenom nickname', 'f'],
  ['last_name lastName surname familyName nachname apellidos apellido', 'l'],
  ['city town location birthPlace place_of_birth ciudad ort ville municipality destination origin', 'c c c loc'],
  ['country nationality state region pais land pays province', 'co co st'],
  ['company employer organization organisation merchant vendor empresa firma insurer institution', 'o'],
  ['bank bankName', 'bank'],
  ['hospital facility clinic', 'hosp'],
  [
    'name title description status type id category currency language model role subject note query code label tag unit format message summary reason color event action result source',
    'w W n id prod dept job',
  ],
]

/** Values of JSON members with their names, which no text has around them. */
export function keyed(seed: number, count: number): readonly Document[] {
  const chance = chanceOf(seed)
  const documents: Document[] = []
  for (let i = 0; i < count; i++) {
    const language = chance.of(['en', 'en', 'en', 'es', 'de', 'fr'] as const)
    const [keys, values] = chance.of(KEYS)
    let text = ''
    const spans: Document['spans'][number][] = []
    for (const { text: piece, type } of filler(chance, language, false)(chance.of(values.split(' ')))) {
      if (type !== undefined) spans.push({ start: text.length, end: text.length + piece.length, type })
      text += piece
    }
    if (spans.length === 0 && chance.is(0.5)) text = `${text}${chance.of([' ', '_', '-'])}${text}`
    documents.push({ ...noisy(chance, { text, spans }), key: chance.of(keys.split(' ')) })
  }
  return documents
}
