import { Command, InvalidArgumentError, Option } from 'commander'
import { whereabouts } from '../config.ts'
import { publishedAdmin } from './admin.ts'
import { duration, type SettingOptions, withSettings } from './settings.ts'

type Options = SettingOptions & Readonly<{ url?: string; timeout: number }>

export function healthcheckCommand(): Command {
  return withSettings(new Command('healthcheck'))
    .description(
      'Asks the admin listener of a running gateway for /readyz: where the gateway of this state folder says that it is, else where the configuration says. Exit code 0: ready. 1: not ready, or no answer.',
    )
    .option('--url <address>', 'the address to ask, in place of that', address)
    .addOption(new Option('--timeout <duration>', 'how long to wait').argParser(duration).default(3000, '3s'))
    .addHelpText(
      'after',
      '\nExamples:\n  customhouse healthcheck\n  customhouse healthcheck --url http://127.0.0.1:8451/readyz --timeout 1s\n',
    )
    .action(async (options: Options) => {
      const failure = await ask(options)
      if (failure === null) return
      process.stderr.write(`${failure}\n`)
      process.exitCode = 1
    })
}

function address(text: string): string {
  const url = URL.parse(text)
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return text
  throw new InvalidArgumentError('It must be a whole address, such as http://127.0.0.1:8451/readyz.')
}

/** Null when ready, else why not. A probe knows two answers only, so no error leaves here. */
async function ask(options: Options): Promise<string | null> {
  try {
    const found = options.url === undefined ? await adminAddress(options) : { url: options.url }
    if ('unknown' in found) return `not ready: ${found.unknown}`
    const { url } = found
    const answer = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(options.timeout) })
    await answer.body?.cancel()
    return answer.status === 200 ? null : `not ready: ${url} answered ${answer.status}`
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    return `not ready: ${cause instanceof Error ? cause.message : String(cause)}`
  }
}

/** What the gateway itself has said comes first: the file may have been changed since, to what it has rejected or will take at its next start. */
async function adminAddress(options: Options): Promise<Readonly<{ url: string } | { unknown: string }>> {
  const { state, admin, unread } = await whereabouts(options.config, process.env, options)
  const published = await publishedAdmin(state)
  if (published !== null && URL.canParse(published)) return { url: probe(new URL(published)) }
  if (unread !== null) return { unknown: `${unread}, and no gateway runs on ${state}` }
  if (admin === null) return { unknown: 'listen.admin is no address, and no gateway runs on this state folder' }
  const host = admin.host.includes(':') ? `[${admin.host}]` : admin.host
  return { url: probe(new URL(`http://${host}:${admin.port}`)) }
}

/** A listener on every address answers on this machine's own. */
function probe(url: URL): string {
  if (url.hostname === '0.0.0.0') url.hostname = '127.0.0.1'
  if (url.hostname === '[::]') url.hostname = '[::1]'
  url.pathname = '/readyz'
  return url.href
}
