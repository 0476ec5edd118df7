import { PATTERNS } from '../contact/patterns.ts'
import { passes, sieveOf } from '../contact/sieve.ts'
import { cueOf, cueOfWord, cuesOfKey, lexiconOf } from '../context.ts'
import type { Detector, Reading, Span } from '../detector.ts'
import { hashOf, LOWER, MARK, UPPER } from '../tokens.ts'

const NAME = lexiconOf({
  password:
    'password,passwords,passwd,pwd,pass,passphrase,passcode,contraseña,clave,passwort,kennwort,motdepasse,senha,wachtwoord,parola,pswd,userpassword,dbpassword,mysqlpassword,rootpassword,pgpassword'.split(
      ',',
    ),
  secret:
    'secret,secrets,clientsecret,appsecret,sharedsecret,secretkey,apikey,apikeys,accesskey,privatekey,authkey,signingkey,encryptionkey,masterkey,accountkey,sharedaccesskey,accesstoken,authtoken,refreshtoken,idtoken,bearertoken,secretaccesskey,apitoken,apisecret'.split(
      ',',
    ),
  token:
    'token,credential,credentials,authorization,auth,sessionid,session,cookie,signature,sig,csrf,nonce,hmac,otp'.split(
      ',',
    ),
  bearer: ['bearer', 'basic'],
})
/** Words before `key`, `code`, `word` that make a secret of it: `api key`, `mot de passe` by its last word. */
const BEFORE_KEY = cueOf(
  ...'api access secret private auth account encryption signing master shared subscription license deploy session storage aws openai azure'.split(
    ' ',
  ),
)
const KEY = hashOf('key')
const PASSE = hashOf('passe')
const MEMBER = cueOf(
  ...'password,passwd,pwd,passphrase,passcode,secret,client secret,api key,apikey,access key,secret key,secret access key,private key,access token,auth token,refresh token,id token,bearer token,api token,authorization,contraseña,passwort,kennwort,senha,wachtwoord,mot de passe,credentials,connection string,account key'.split(
    ',',
  ),
)
/** Values that say where a secret is, or that there is none. */
const NOTHING = cueOf(
  ...'null none nil undefined true false required optional string str bool boolean int number hidden redacted masked yes no empty unknown invalid incorrect wrong expired reset protected'.split(
    ' ',
  ),
)
const LINK = cueOf('is', 'es', 'ist', 'est', 'è', 'was', 'to', 'é', 'lautet')
const LONGEST = 512
const OPENS = '"\'`“«‘'
const CLOSES = '"\'`”»’'

const SIEVE = sieveOf([NAME], [KEY, PASSE])

/** Passwords, keys and tokens by the name they are given: `password = x`, `api_key: x`, `Authorization: Bearer x`, members of JSON. */
export const assigned: Detector = {
  name: 'secrets/assigned',
  finds: ['SECRET'],
  scan(reading, found) {
    const { text, tokens, hints } = reading
    const { count, hash, kind } = tokens
    if (hints.key !== null && count > 0 && cuesOfKey(hints.key, MEMBER) !== 0) member(text, found)
    let past = 0
    for (let at = 0; at < count; at++) {
      if (((kind[at] ?? 0) & MARK) !== 0) continue
      const word = hash[at] ?? 0
      if (!passes(SIEVE, word)) continue
      let cue = cueOfWord(word, NAME)
      if (cue === 0 && word === KEY && at > 0) {
        const before = ((kind[at - 1] ?? 0) & MARK) !== 0 ? at - 2 : at - 1
        if (before >= 0 && cueOfWord(hash[before] ?? 0, BEFORE_KEY) !== 0) cue = NAME.bit.secret
      } else if (word === PASSE) cue = NAME.bit.password
      if (cue === 0 || (tokens.start[at] ?? 0) < past) continue
      past = Math.max(past, value(reading, at, cue, found))
    }
  },
}

/** The value of a JSON member of such a name: all of it, if it is a value and no sentence. */
function member(text: string, found: Span[]): void {
  let start = 0
  let end = text.length
  while (start < end && text.charCodeAt(start) <= 32) start += 1
  while (end > start && text.charCodeAt(end - 1) <= 32) end -= 1
  const scheme = PATTERNS.authScheme.exec(text.slice(start, start + 12))
  if (scheme !== null) start += scheme[0].length
  if (end - start < 4 || end - start > 16_384 || isReference(text, start, end)) return
  for (let i = start; i < end; i++) if (text.charCodeAt(i) <= 32) return
  found.push({ start, end, type: 'SECRET', score: 0.9, rule: 'secret/member' })
}

function value(reading: Reading, at: number, cue: number, found: Span[]): number {
  const { text, tokens } = reading
  const { hash, kind, start, end, count } = tokens
  let token = at + 1
  let sign = 0
  let linked = false
  const bearer = (cue & NAME.bit.bearer) !== 0
  for (let steps = 0; token < count && steps < 6; steps++, token++) {
    if (((kind[token] ?? 0) & MARK) === 0) {
      if (sign === 0 && !bearer && cueOfWord(hash[token] ?? 0, LINK) !== 0) {
        linked = true
        continue
      }
      break
    }
    const mark = hash[token] ?? 0
    if (mark === 0x3d || mark === 0x3a || mark === 0x3e) sign = mark
    else if (mark === 0x22 || mark === 0x27 || mark === 0x60 || mark === 0x2a || mark === 0x201c || mark === 0xab) {
      if (sign !== 0 || linked) break
    } else break
  }
  if (token >= count || (sign === 0 && !linked && !bearer)) return 0
  let from = start[token] ?? 0
  const quote = OPENS.indexOf(text.charAt(from))
  const quoted = quote >= 0
  if (quoted) from += 1
  // `Authorization: Bearer x` and `Bearer x` are one value.
  const scheme = PATTERNS.authScheme.exec(text.slice(from, from + 12))
  if (scheme !== null) from += scheme[0].length
  let to = from
  const close = CLOSES.charAt(quote)
  while (to - from < LONGEST && to < text.length) {
    const unit = text.charCodeAt(to)
    if (
      quoted
        ? text.charAt(to) === close || unit === 10
        : unit <= 32 ||
          unit === 0x22 ||
          unit === 0x27 ||
          unit === 0x60 ||
          unit === 0x3b ||
          unit === 0x3c ||
          unit === 0x2c
    )
      break
    if (
      !quoted &&
      (unit === 0x26 || unit === 0x29 || unit === 0x5d || unit === 0x7d) &&
      (cue & NAME.bit.password) === 0
    )
      break
    to += 1
  }
  if (!quoted) while (to > from && '.,;:!?)]}'.includes(text.charAt(to - 1)) && !(to - from < 2)) to -= 1
  const length = to - from
  if (length < 4 || isReference(text, from, to) || cueOfWord(hash[token] ?? 0, NOTHING) !== 0) return 0
  const mix = mixOf(text, from, to)
  let score = 0
  if ((cue & NAME.bit.password) !== 0) {
    if (mix >= 2) score = sign === 0 ? 0.8 : 0.9
    else if (sign !== 0 && length >= 5 && !prose(reading, token, to)) score = quoted || sign === 0x3d ? 0.7 : 0.6
    else if (quoted && linked) score = 0.7
  } else if ((cue & NAME.bit.secret) !== 0) {
    if (length >= 8 && mix >= 2) score = 0.85
    else if (sign !== 0 && (quoted || sign === 0x3d) && length >= 6) score = 0.6
  } else if (length >= 16 && mix >= 2 && entropy(text, from, to) > 3) score = bearer ? 0.85 : 0.7
  if (score === 0) return 0
  found.push({ start: from, end: to, type: 'SECRET', score, rule: 'secret/assigned' })
  return Math.max(to, end[token] ?? 0)
}

/** A value that stands for one: of the environment, a template, stars. */
function isReference(text: string, from: number, to: number): boolean {
  const first = text.charAt(from)
  if (first === '$' && '{('.includes(text.charAt(from + 1))) return true
  if (first === '<' || first === '{' || first === '%' || first === '[') return true
  const head = text.slice(from, Math.min(to, from + 14)).toLowerCase()
  if (PATTERNS.reference.test(head)) return true
  // Calls and members of programs.
  for (let i = from; i < to; i++) if (text.charAt(i) === '(' && i > from && text.charAt(to - 1) === ')') return true
  let same = true
  for (let i = from + 1; i < to && same; i++) same = text.charCodeAt(i) === text.charCodeAt(from)
  return same
}

/** How many of lower case, upper case (not the first unit), digits and marks there are. */
function mixOf(text: string, from: number, to: number): number {
  let bits = 0
  for (let i = from; i < to; i++) {
    const unit = text.charCodeAt(i)
    if (unit >= 48 && unit <= 57) bits |= 1
    else if (unit >= 97 && unit <= 122) bits |= 2
    else if (unit >= 65 && unit <= 90) bits |= i === from ? 2 : 4
    else if (unit < 128) bits |= unit === 0x2d || unit === 0x2e || unit === 0x5f || unit === 0x2f ? 0 : 8
  }
  return (bits & 1) + ((bits >> 1) & 1) + ((bits >> 2) & 1) + ((bits >> 3) & 1)
}

/** Whether a value is the first word of a sentence: words in small letters go on behind it. */
function prose(reading: Reading, token: number, to: number): boolean {
  const { kind, start, count } = reading.tokens
  let next = token + 1
  while (next < count && (start[next] ?? 0) < to) next += 1
  return (
    next < count &&
    ((kind[next] ?? 0) & (LOWER | MARK | UPPER)) === LOWER &&
    ((kind[next] ?? 0) & 64) === 0 &&
    ((kind[token] ?? 0) & UPPER) === 0
  )
}

/** Shannon's, bits a unit, of the first 128. */
function entropy(text: string, from: number, to: number): number {
  const counts = new Uint8Array(128)
  const end = Math.min(to, from + 128)
  for (let i = from; i < end; i++) {
    const unit = text.charCodeAt(i) & 127
    counts[unit] = (counts[unit] ?? 0) + 1
  }
  let bits = 0
  for (const n of counts) if (n > 0) bits -= (n / (end - from)) * Math.log2(n / (end - from))
  return bits
}
