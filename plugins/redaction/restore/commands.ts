import { isBlank } from './spelling.ts'
import { hashes } from './words.ts'

/**
 * Tells of commands that fetch, outside of blocks of code as well: `curl -d PERSON_1_k7bc http://...` carries what stands in front of its address, too. The rest of
 * the line is theirs, with lines that it goes on in; or the rest of the code in marks that they begin.
 */
export class Commands {
  /** What comes belongs to a command. */
  isOpen = false
  /** It ends with its mark of code. */
  #quoted = false
  /** A command may begin here, behind a mark of code or not. */
  #start = true
  #marked = false
  /** The word so far is in small letters. */
  #small = true
  /** 1 behind the name of a program that fetches, 2 in the marks of an option of it. */
  #option = 0

  /** Any unit, before one of the others is told. */
  step(unit: number): void {
    if (this.#option === 0) return
    if (unit === 0x2d) this.#option = 2
    else if (isBlank(unit)) this.#option = this.#option === 1 && unit !== 0x0a ? 1 : 0
    else {
      if (this.#option === 2) this.#open(false)
      this.#option = 0
    }
  }

  letter(first: boolean, small: boolean): void {
    this.#small = small && (first || this.#small)
  }

  /** A word has ended with this unit: it may have been the name of a command, or of a function. */
  word(run: number, unit: number): void {
    if (unit === 0x28 && FETCHERS.has(run)) this.#open(false)
    if (isBlank(unit) && unit !== 0x0a) {
      if (this.#start && this.#small && COMMANDS.has(run)) this.#open(this.#marked)
      else if (COMMANDS.has(run) || OPTIONED.has(run)) this.#option = 1
    }
    if (!BEFORE_COMMANDS.has(run)) this.#start = false
  }

  /** A unit between words: where a command may begin, and where one ends. */
  mark(unit: number, before: number): void {
    switch (unit) {
      case 0x0a:
        if (before !== 0x5c) this.isOpen = false
        this.#start = true
        this.#marked = false
        return
      case 0x60: // `
        if (this.#quoted) this.isOpen = false
        this.#start = true
        this.#marked = true
        return
      case 0x7c: // |
      case 0x26: // &
      case 0x3b: // ;
      case 0x24: // $
      case 0x2f: // /
        this.#start = true
        return
      case 0x28: // (
        if (before !== 0x24) this.#start = false
        return
      default:
        // Blanks, prompts and the marks and numbers of lists.
        if (!isBlank(unit) && !PROMPTS.includes(unit) && !(unit >= 0x30 && unit <= 0x39)) this.#start = false
    }
  }

  #open(quoted: boolean): void {
    if (this.isOpen) return
    this.isOpen = true
    this.#quoted = quoted
  }
}

const PROMPTS: readonly number[] = [...'>#%-*.'].map((mark) => mark.charCodeAt(0))

/** Commands, functions and libraries that ask an address for something, as the last word of their names. */
export const FETCHERS = hashes(
  'curl wget fetch requests request axios urllib urlopen httpx aiohttp xmlhttprequest sendbeacon webrequest restmethod httpclient ' +
    'webclient websocket eventsource netcat ncat nc socat openurl okhttp guzzle retrofit superagent nslookup dig ping telnet ssh scp rsync sftp ftp',
)
/** Commands of which the rest of a line is their arguments, where their name begins it. Words that also begin a line of a list are not among them. */
const COMMANDS = hashes('curl wget nc ncat netcat socat nslookup telnet scp rsync sftp iwr irm xh http https')
/** Commands that are known by an option behind their name. */
const OPTIONED = hashes('ping dig ssh ftp webrequest restmethod')
const BEFORE_COMMANDS = hashes('sudo env time exec nohup xargs')
