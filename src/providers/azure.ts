import type { Provider } from '../core/port.ts'
import { createAdapter, PLAIN_PATH, type ProviderOptions } from './adapter.ts'
import { keyIn, secretProof } from './credential.ts'
import { type AnswerFields, COUNT, ID, OPENAI_ANSWER, REQUEST } from './headers.ts'

/** Names of Azure's regions are made of these words: `East US 2`, `Germany West Central`. */
const WORDS =
  'Africa|Arabia|Arizona|Asia|Australia|Austria|Belgium|Brazil|Canada|Central|Chile|China|Denmark|DoD|East|Europe|Finland|France|Germany|Gov|' +
  'India|Indonesia|Israel|Italy|Japan|Jio|Korea|Malaysia|Mexico|New|North|Norway|Poland|Qatar|Saudi|South|Southeast|Spain|Sweden|' +
  'Switzerland|Taiwan|Texas|UAE|UK|US|Virginia|West|Zealand'
const REGION = new RegExp(`^(?:(?:${WORDS})(?: (?:${WORDS})){0,3}(?: ?[1-9])?|(?:${WORDS.toLowerCase()}){1,4}[1-9]?)$`)

/** The region, by its name or its id (`swedencentral`). What is neither is evidence all the same, of a place that nobody knows. */
function region(value: string): string {
  return REGION.test(value) ? value : 'other'
}

const ANSWER: AnswerFields = [
  ...OPENAI_ANSWER,
  [/^apim-request-id$/, ID],
  // Where the call was answered.
  [/^x-ms-region$/, region],
  [/^x-ratelimit-renewalperiod-(?:requests|tokens)$/, COUNT],
]

/**
 * Azure OpenAI and Foundry by their v1 API (base URL `https://<resource>.openai.azure.com/openai/v1`). A key goes as `api-key`, a token of
 * Entra ID, which is a JWT, as a bearer token. Source: Microsoft's reference of the v1 API, recorded answers for the field names.
 */
export function createAzure(options: ProviderOptions): Provider {
  return createAdapter(
    {
      dialects: ['openai.chat'],
      path: PLAIN_PATH,
      request: new Set(REQUEST),
      answer: ANSWER,
      prove: () => secretProof(options.name, options.credential, keyIn('api-key')),
    },
    options,
  )
}
