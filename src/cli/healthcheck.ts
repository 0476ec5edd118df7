import { Command } from 'commander'
import { loadConfig } from '../config.ts'
import { duration, type SettingOptions, withSettings } from './settings.ts'

export function healthcheckCommand(): Command {
  return withSettings(new Command('healthcheck'))
    .description(
      'Asks the admin listener of a running gateway for /readyz. Exit code 0: ready. 1: not ready, or no answer.',
    )
    .option('--url <address>', 'the address to ask, in place of that of the configuration')
    .option('--timeout <duration>', 'how long to wait', duration, 3000)
    .addHelpText(
      'after',
      '\nExamples:\n  customhouse healthcheck\n  customhouse healthcheck --url http://127.0.0.1:8451/readyz --timeout 1s\n',
    )
    .action(async (options: SettingOptions & { url?: string; timeout: number }) => {
      const failure = await ask(options)
      if (failure === null) return
      process.stderr.write(`${failure}\n`)
      process.exitCode = 1
    })
}

/** Null when ready, else why not. A probe knows two answers only, so no error leaves here. */
async function ask(options: SettingOptions & { url?: string; timeout: number }): Promise<string | null> {
  try {
    const url = options.url ?? (await adminAddress(options))
    const answer = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(options.timeout) })
    await answer.body?.cancel()
    return answer.status === 200 ? null : `not ready: ${url} answered ${answer.status}`
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    return `not ready: ${cause instanceof Error ? cause.message : String(cause)}`
  }
}

async function adminAddress(options: SettingOptions): Promise<string> {
  const { config } = await loadConfig(options.config, process.env, options, { secrets: false })
  const { host, port } = config.listen.admin
  // A listener on every address answers on this machine's own.
  const near = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host
  return `http://${near.includes(':') ? `[${near}]` : near}:${port}/readyz`
}
