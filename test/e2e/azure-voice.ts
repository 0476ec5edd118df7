import { openaiStream, type Script, type Speech, stream } from '../kit/index.ts'
import { openaiVoice, type Voice } from './voice.ts'

/** Azure, asked by its v1 API: OpenAI's dialect, but for the credential, the filter's verdict ahead of each stream. */

const LETTERS = { pieces: (text: string) => [...text], includeUsage: true }
const VERDICTS = Object.fromEntries(
  ['hate', 'self_harm', 'sexual', 'violence'].map((kind) => [kind, { filtered: false, severity: 'safe' }]),
)
const AHEAD = `data: ${JSON.stringify({
  choices: [],
  created: 0,
  id: '',
  model: '',
  object: '',
  prompt_filter_results: [{ prompt_index: 0, content_filter_results: VERDICTS }],
})}\n\n`

const events = (speech: Speech): readonly string[] => [AHEAD, ...openaiStream(speech, LETTERS)]

function speak(speech: Speech, streamed: boolean, slowly = false): Script {
  if (!streamed) return openaiVoice.speak(speech, false)
  return stream(events(speech), slowly ? { everyMs: 3 } : {})
}

export const azureVoice: Voice = {
  ...openaiVoice,
  provider: { kind: 'azure' },
  base: '/openai/v1',
  prefix: '/azure',
  path: () => '/openai/v1/chat/completions',
  credential: (secret) => ({ 'api-key': secret }),
  speak,
  broken: (text, streamed, ending) =>
    streamed
      ? stream(events({ texts: [text] }).slice(0, 51), { ending, everyMs: 2 })
      : openaiVoice.broken(text, false, ending),
}
