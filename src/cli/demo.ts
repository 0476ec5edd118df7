import { Command, Option } from 'commander'
import { isCheckout, occupy } from './checkout.ts'
import { type Ground, layGround } from './demo/ground.ts'
import { type Step, story } from './demo/story.ts'
import { heed, untilStopped } from './serve.ts'

type DemoOptions = Readonly<{ once?: true; json?: true; dataListen: string; adminListen: string }>

/** `customhouse demo`: a gateway with simulated providers and a scripted story; then it stays up. No key, no network. */
export function demoCommand(): Command {
  return new Command('demo')
    .description('a gateway with simulated providers and a scripted story; then it stays up')
    .option(
      '--once',
      'end after the story: exit 0 only if every outcome, read from the byte records and the ledger, happened',
    )
    .option('--json', 'the story as one line of JSON a step')
    .addOption(new Option('--data-listen <address>', 'host:port where clients call').default('127.0.0.1:8450'))
    .addOption(new Option('--admin-listen <address>', 'host:port of the probes').default('127.0.0.1:8451'))
    .addHelpText('after', '\nExamples:\n  customhouse demo\n  customhouse demo --once\n')
    .action(async (options: DemoOptions) => {
      // A run that ends by itself must not fail because something else has the usual ports.
      const [data, admin] =
        options.once === true ? ['127.0.0.1:0', '127.0.0.1:0'] : [options.dataListen, options.adminListen]
      // A run that ends by itself leaves Ctrl-C as it is.
      const signals = options.once === true ? null : heed({ child: true })
      occupy()
      const ground = await layGround({ data, admin })
      try {
        let failed = 0
        for await (const step of story(ground)) {
          failed += step.facts.filter(({ holds }) => !holds).length
          process.stdout.write(options.json === true ? `${JSON.stringify(step)}\n` : told(step))
        }
        if (failed > 0) {
          process.stderr.write(`${failed} of the outcomes did not happen.\n`)
          process.exitCode = 1
        } else if (signals !== null) {
          process.stderr.write(invitation(ground))
          process.exitCode = await untilStopped(ground.customhouse, signals)
        }
      } finally {
        await ground.close()
      }
    })
}

function told({ title, told: lines, facts }: Step): string {
  const proofs = facts.map(({ claim, holds }) => `  ${holds ? 'yes' : 'NO '}  ${claim}\n`)
  return `${title}\n${lines.map((line) => `  > ${line}\n`).join('')}${proofs.join('')}\n`
}

function invitation({ customhouse, key, folder }: Ground): string {
  return `The gateway stays up (Ctrl-C ends it). Ask it yourself:

  curl ${customhouse.data}/openai/v1/chat/completions \\
    -H 'authorization: Bearer ${key}' -H 'content-type: application/json' \\
    -d '{"model":"auto","messages":[{"role":"user","content":"hello"}]}'

SDKs of Anthropic and AWS: ${customhouse.data}/anthropic, ${customhouse.data}/bedrock, with the model claude-sonnet-4-5
Edit a policy and watch it take effect: ${folder}/policies
What was recorded: ${isCheckout() ? 'npm run -s customhouse --' : 'npx customhouse'} audit search --state ${folder}/state
Probes: ${customhouse.admin}/readyz?verbose
`
}
