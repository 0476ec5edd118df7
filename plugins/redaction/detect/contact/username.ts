import { cueOf, cueOfWord, cuesOfKey, labelBefore, lexiconOf, nearestBefore } from '../context.ts'
import type { Detector, Reading, Span } from '../detector.ts'
import { ALNUM, isOf } from '../network/units.ts'
import { AFTER_BLANK, isWordUnit, MARK } from '../tokens.ts'
import { PATTERNS } from './patterns.ts'
import { passes, sieveOf } from './sieve.ts'

const LABEL = lexiconOf({
  name: [
    ...'username,user name,userid,login,login name,logon,screen name,screenname,user handle,handle,nickname,nick,account name,gamertag,usuario,nombre de usuario,benutzername,benutzer,anmeldename'.split(
      ',',
    ),
    ...'identifiant,nom utilisateur,nom de utilisateur,pseudo,nome utente,utente,nome de usuário,usuário,gebruikersnaam,nazwa użytkownika,użytkownik,loginname,user id,logged in as,log in as,sign in as,signed in as,known as,twitter,instagram,github,skype,telegram,uname'.split(
      ',',
    ),
  ],
  /** In front of `=` alone: `User: Hello` is who speaks. */
  assigned: ['user'],
})
const KEY = cueOf(
  'username',
  'user name',
  'userid',
  'login',
  'screen name',
  'screenname',
  'handle',
  'nickname',
  'nick',
  'usuario',
  'benutzername',
  'gebruikersnaam',
  'login name',
  'uname',
)
const SOCIAL = cueOf(
  ...'twitter instagram tiktok telegram github insta ig follow dm handle tweet tweeted account profile user username mastodon threads snapchat discord slack x'.split(
    ' ',
  ),
)
/** Words behind `@` that are no one's: annotations and rules of languages, whole rooms. */
const NOBODY = cueOf(
  ...'media import override param params return returns everyone here channel all font keyframes supports charset page layer container include mixin extend property type types deprecated see since throws author version test before after autowired component service bean entity table column id data getter setter staticmethod classmethod dataclass abstractmethod decorator app router pytest'.split(
    ' ',
  ),
)
/** What a label is followed by when it names nobody. */
const PROSE = cueOf(
  ...'is are was and or the a an of to for in on with required field page name form not must should will can you your my has have screen button failed attempts error attempt password email id y de el la o'.split(
    ' ',
  ),
)

const SIEVE = sieveOf([LABEL])

/** User names: behind a label, as the value of a member of that name, or behind `@`. */
export const username: Detector = {
  name: 'username',
  finds: ['USERNAME'],
  scan(reading, found) {
    const { text, tokens, hints } = reading
    const { count, hash, kind, start, end } = tokens
    if (
      hints.key !== null &&
      count > 0 &&
      text.length <= 64 &&
      !PATTERNS.blank.test(text) &&
      cuesOfKey(hints.key, KEY) !== 0
    ) {
      found.push({ start: 0, end: text.length, type: 'USERNAME', score: 0.85, rule: 'username/member' })
    }
    for (let at = 0; at + 1 < count; at++) {
      const is = kind[at] ?? 0
      if ((is & MARK) !== 0) {
        if (hash[at] === 0x40) handle(reading, at, found)
        continue
      }
      if (!passes(SIEVE, hash[at] ?? 0)) continue
      const sign = hash[at + 1] ?? 0
      const marked = sign === 0x3a || sign === 0x3d || sign === 0x22 || sign === 0x27
      if (!marked) {
        if (((kind[at + 1] ?? 0) & MARK) === 0) said(reading, at, found)
        continue
      }
      const cue = cueOfWord(hash[at] ?? 0, LABEL)
      if ((cue & LABEL.bit.name) === 0 && !(cue !== 0 && sign === 0x3d) && !endsLabel(reading, at)) continue
      let value = at + 1
      if (((kind[value] ?? 0) & MARK) !== 0 && (sign === 0x3a || sign === 0x3d || sign === 0x22 || sign === 0x27)) {
        while (
          value < count &&
          value < at + 5 &&
          ((kind[value] ?? 0) & MARK) !== 0 &&
          `:="'\`>`.includes(String.fromCharCode(hash[value] ?? 0))
        )
          value += 1
      } else continue
      if (value >= count || ((kind[value] ?? 0) & MARK) !== 0) continue
      if (cueOfWord(hash[value] ?? 0, PROSE) !== 0) continue
      const from = start[value] ?? 0
      let to = end[value] ?? 0
      while (
        to - from < 64 &&
        to < text.length &&
        (isWordUnit(text.charCodeAt(to)) || ('._-'.includes(text.charAt(to)) && isWordUnit(text.charCodeAt(to + 1))))
      )
        to += 1
      if (text.charAt(to) === '@') continue
      found.push({ start: from, end: to, type: 'USERNAME', score: 0.8, rule: 'username/label' })
    }
  },
}

const COPULA = cueOf(...'is was are ist war lautet es era est était è jest be being'.split(' '))

/** `my username is tnguyen_88`: behind a label without a mark, if it looks like no word of the sentence. */
function said(reading: Reading, at: number, found: Span[]): void {
  const { text, tokens } = reading
  let value = at + 1
  if (cueOfWord(tokens.hash[value] ?? 0, COPULA) !== 0) value += 1
  if (value >= tokens.count || ((tokens.kind[value] ?? 0) & MARK) !== 0) return
  const from = tokens.start[value] ?? 0
  let to = from
  let letters = false
  let telling = false
  for (; to - from < 64 && to < text.length; to++) {
    const unit = text.charCodeAt(to)
    const digit = unit >= 0x30 && unit <= 0x39
    const joins = unit === 0x5f || ((unit === 0x2e || unit === 0x2d) && isWordUnit(text.charCodeAt(to + 1)))
    if (!joins && !isWordUnit(unit)) break
    letters ||= !digit && !joins
    telling ||= digit || unit === 0x5f
  }
  if (!letters || !telling || to - from < 4 || text.charAt(to) === '@') return
  if ((labelBefore(reading, value, LABEL) & LABEL.bit.name) === 0) return
  found.push({ start: from, end: to, type: 'USERNAME', score: 0.65, rule: 'username/said' })
}

/** Whether a label of more than one word ends with this one. */
function endsLabel(reading: Reading, at: number): boolean {
  const next = reading.tokens.hash[at + 1]
  return (next === 0x3a || next === 0x3d) && (labelBefore(reading, at + 1, LABEL) & LABEL.bit.name) !== 0
}

function handle(reading: Reading, at: number, found: Span[]): void {
  const { text, tokens } = reading
  const sign = tokens.start[at] ?? 0
  const before = text.charCodeAt(sign - 1)
  if (sign > 0 && (isWordUnit(before) || '.-_@/+'.includes(text.charAt(sign - 1)))) return
  if (((tokens.kind[at + 1] ?? 0) & (MARK | AFTER_BLANK)) !== 0 && text.charAt(sign + 1) !== '_') return
  if (cueOfWord(tokens.hash[at + 1] ?? 0, NOBODY) !== 0) return
  let end = sign + 1
  while (end - sign < 40 && (isOf(text, end, ALNUM) || text.charAt(end) === '_')) end += 1
  if (end - sign < 3 || end - sign > 32) return
  const next = text.charAt(end)
  if (next === '/' || next === '(' || next === '@' || isWordUnit(text.charCodeAt(end))) return
  if ((next === '.' || next === '-') && isWordUnit(text.charCodeAt(end + 1))) return
  const social = nearestBefore(reading, at, SOCIAL, 6) !== 0
  found.push({ start: sign, end, type: 'USERNAME', score: social ? 0.8 : 0.45, rule: 'username/handle' })
}
