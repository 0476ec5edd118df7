import { Commands, FETCHERS } from './commands.ts'
import { isBlank, isWidthless, isWord } from './spelling.ts'
import { hash, hashes } from './words.ts'

/** Where a value would leave for an address that the text names: whoever planted the text would have it sent there. */
export type Sink = 'url' | 'link' | 'markup' | 'code'

/** Why `#url` is: not, or until a blank or `<`, or for a mail without a query yet; else the quote that ends it. */
const NO = 0
const BARE = 1
const MAIL = 2

/** Of `<`: read, in a tag's name, among its attributes, after an `=`; else the quote of the value. */
const OPENED = 1
const NAME = 2
const ATTRIBUTES = 3
const VALUE = 4

/**
 * Follows a text unit by unit and knows what it is in, however it is cut: an address, the target of a link or an image of Markdown, the value of an attribute of
 * HTML, code that fetches. It errs on the side of an address: what begins as one is one up to the next blank, and further in quotes.
 */
export class Sinks {
  #url = NO
  /** Parentheses of a link's target that are open, and whether it stands in `<>`. */
  #target = 0
  #angle = false
  #tag = 0
  /** The line began with a bracket; behind `]:` the target of a reference follows. */
  #bracket = false
  #due = false
  /** Marks of the fence that is open, and what they are. */
  #fence = 0
  #fenceMark = 0
  /** Code in the fence has named an address or what fetches one. */
  #fetches = false
  /** Marks of a fence at the beginning of the line, so far. */
  #marks = 0
  #mark = 0
  /** Nothing but blanks on this line so far. */
  #bare = true
  readonly #commands = new Commands()
  #before = 0x0a
  /** The last unit that can be no part of a scheme or a host. */
  #lead = 0x20
  /** Of the letters of a word so far, as a hash. */
  #run = 0
  /** Of what may be a host: its dots, and of the label that it ends with its length and whether it begins with a letter. */
  #dots = 0
  #label = 0
  #named = false

  /** What the next unit stands in; null for ordinary text. */
  get sink(): Sink | null {
    if (this.isMail) return null
    if (this.#url !== NO) return 'url'
    return this.target ?? (this.#fetches || this.#commands.isOpen ? 'code' : null)
  }

  /** The link or the tag that the next unit stands in, in an address or not. */
  get target(): Sink | null {
    if (this.#target > 0 || this.#due) return 'link'
    return this.#tag >= VALUE ? 'markup' : null
  }

  /** In a block of code between fences. */
  get isFenced(): boolean {
    return this.#fence > 0
  }

  /** In the address of a mail, up to its query: what is put back there goes to nobody else. */
  get isMail(): boolean {
    return this.#url === MAIL
  }

  /** Where something of the text was missed, it may be in anything: up to the next blank it is an address. */
  missed(): void {
    this.#url = BARE
  }

  read(text: string): void {
    for (let at = 0; at < text.length; at++) this.step(text.charCodeAt(at))
  }

  step(unit: number): void {
    if (this.#due && !isBlank(unit)) {
      this.#due = false
      this.#url = unit === 0x3c ? 0x3e : BARE
    }
    const lower = unit | 0x20
    this.#commands.step(unit)
    if ((lower >= 0x61 && lower <= 0x7a && unit <= 0x7f) || (unit > 0x7f && isWord(unit))) {
      if (this.#marks > 0) this.#fenced(unit)
      this.#commands.letter(this.#run === 0, unit === lower)
      this.#run = (Math.imul(this.#run, 31) + lower) | 0
      this.#labelled(true)
      if (this.#tag !== 0) this.#inTag(unit)
      this.#bare = false
      this.#before = unit
      return
    }
    if (unit > 0x7f && isWidthless(unit)) return
    if (this.#marks > 0 && unit !== this.#mark) this.#fenced(unit)
    if (this.#run !== 0) {
      if (this.#fence > 0 && FETCHERS.has(this.#run)) this.#fetches = true
      this.#ends(unit)
      this.#commands.word(this.#run, unit)
      this.#run = 0
    }
    this.#commands.mark(unit, this.#before)
    this.#hosts(unit)
    this.#closes(unit)
    if (this.#tag !== 0 || unit === 0x3c) this.#inTag(unit)
    this.#links(unit)
    this.#lines(unit)
    this.#before = unit
  }

  #labelled(letter: boolean): void {
    if (this.#label === 0) this.#named = letter
    this.#label += 1
  }

  /** A word ends with this unit: it may have been a scheme, or `www`. */
  #ends(unit: number): void {
    if (unit === 0x3a && SCHEMES.has(this.#run)) this.#begin(this.#run === MAILTO ? MAIL : BARE)
    else if (unit === 0x2e && this.#run === WWW) this.#begin(BARE)
  }

  #begin(as: number): void {
    if (this.#url !== NO && this.#url !== MAIL) return
    this.#url = as === BARE && (isQuote(this.#lead) || this.#lead === 0x3c) ? closing(this.#lead) : as
    if (this.#fence > 0 && as !== MAIL) this.#fetches = true
  }

  /** What stands between words, as part of an address or as the end of one. */
  #hosts(unit: number): void {
    switch (unit) {
      case 0x2e: // .
        this.#dots = this.#label > 0 ? this.#dots + 1 : 0
        this.#label = 0
        return
      case 0x2d: // -
      case 0x5f: // _
        this.#labelled(false)
        return
      case 0x2f: // /
      case 0x5c: // \
        if (isSlash(this.#before)) this.#begin(BARE)
        this.#host()
        return
      case 0x3f: // ?
        if (this.#url === MAIL) this.#url = BARE
        this.#host()
        return
      case 0x3a: // :
      case 0x23: // #
        this.#host()
        return
      default:
        if (unit >= 0x30 && unit <= 0x39) {
          this.#labelled(false)
          return
        }
        this.#dots = 0
        this.#label = 0
        this.#lead = unit
    }
  }

  /** A host without a scheme, at what may follow one: browsers and mail programs make a link of it. */
  #host(): void {
    const named = this.#dots > 0 && this.#named && this.#label >= 2
    const numbered = this.#dots === 3 && !this.#named && this.#label > 0
    if (named || numbered) this.#begin(BARE)
    this.#dots = 0
    this.#label = 0
  }

  #closes(unit: number): void {
    if (this.#url === NO) return
    if (this.#url === BARE || this.#url === MAIL) {
      if (isBlank(unit) || unit === 0x3c) this.#url = NO
    } else if (unit === this.#url) {
      // Behind the quote a program may still take it for part of the address.
      this.#url = unit === 0x3e ? NO : BARE
    } else if (unit === 0x0a) this.#url = NO
  }

  #inTag(unit: number): void {
    if (this.#tag > VALUE) {
      if (unit === this.#tag) this.#tag = ATTRIBUTES
      return
    }
    if (unit === 0x3c && this.#tag < ATTRIBUTES) {
      this.#tag = OPENED
      return
    }
    if (unit === 0x3e) {
      this.#tag = 0
      return
    }
    const letter = unit > 0x7f || ((unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a)
    if (this.#tag === OPENED) this.#tag = letter ? NAME : 0
    else if (this.#tag === NAME) {
      if (isBlank(unit) || unit === 0x2f) this.#tag = ATTRIBUTES
      else if (!letter && unit !== 0x2d && unit !== 0x3a && !(unit >= 0x30 && unit <= 0x39)) this.#tag = 0
    } else if (this.#tag === ATTRIBUTES) {
      if (unit === 0x3d) this.#tag = VALUE
    } else if (isQuote(unit) && (this.#before === 0x3d || isBlank(this.#before))) this.#tag = unit
    else if (isBlank(unit) && this.#before !== 0x3d && !isBlank(this.#before)) this.#tag = ATTRIBUTES
  }

  #links(unit: number): void {
    if (this.#target === 0) {
      if (unit === 0x28 && this.#before === 0x5d) {
        this.#target = 1
        this.#angle = false
      }
      return
    }
    if (this.#before === 0x5c) return
    if (unit === 0x3c && (this.#before === 0x28 || isBlank(this.#before))) this.#angle = true
    else if (unit === 0x3e) this.#angle = false
    else if (!this.#angle && unit === 0x28) this.#target += 1
    else if (!this.#angle && unit === 0x29) this.#target -= 1
  }

  #lines(unit: number): void {
    if (unit === 0x0a) {
      // A paragraph ends what stands in it.
      if (this.#bare) this.#target = 0
      this.#bare = true
      this.#marks = 0
      return
    }
    if (isBlank(unit)) return
    if (this.#bare) this.#bracket = unit === 0x5b
    else if (unit === 0x3a && this.#before === 0x5d && this.#bracket) this.#due = true
    if (unit === 0x3e || unit === 0x2d || unit === 0x2a) return
    if ((unit === 0x60 || unit === 0x7e) && (this.#marks > 0 ? unit === this.#mark : this.#bare)) {
      this.#marks += 1
      this.#mark = unit
    }
    this.#bare = false
  }

  /** Marks at the beginning of a line have ended. Three or more open a fence, or close one that has no more of them. */
  #fenced(unit: number): void {
    const length = this.#marks
    this.#marks = 0
    if (length < 3) return
    if (this.#fence === 0) {
      this.#fence = length
      this.#fenceMark = this.#mark
    } else if (this.#mark === this.#fenceMark && length >= this.#fence && isBlank(unit)) {
      this.#fence = 0
      this.#fetches = false
    }
  }
}

function isQuote(unit: number): boolean {
  return unit === 0x22 || unit === 0x27 || unit === 0x60
}

/** Browsers take one for the other. */
function isSlash(unit: number): boolean {
  return unit === 0x2f || unit === 0x5c
}

function closing(lead: number): number {
  return lead === 0x3c ? 0x3e : lead
}

const WWW = hash('www')
const MAILTO = hash('mailto')
const SCHEMES = hashes(
  'http https ftp ftps sftp ws wss data javascript vbscript file blob mailto sms tel callto skype whatsapp tg intent market ipfs ipns magnet ssh git ldap',
)
