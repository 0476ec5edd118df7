const SPEAKS = 'This gateway speaks chat completions (POST /chat/completions)'
const INSTEAD = `${SPEAKS}: in the Vercel AI SDK use openai.chat(model), in the openai SDKs client.chat.completions.`

/** Where the SDKs of OpenAI knock by default. */
export const OPENAI_HINTS: ReadonlyMap<string, string> = new Map([
  ['/responses', INSTEAD],
  ['/completions', INSTEAD],
  ['/embeddings', `${SPEAKS} and no embeddings.`],
])
