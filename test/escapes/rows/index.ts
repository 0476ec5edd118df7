import type { Row } from '../row.ts'
import { ALIASES, BEDROCK_NAMES, CLOUD_NAMES } from './alias.ts'
import { EVIDENCE, FALLBACKS, REDIRECTS } from './answer.ts'
import { MEMBERS, REFERENCES } from './body.ts'
import { MOVING } from './moving.ts'
import { OUTSIDE } from './outside.ts'
import { GEO, REGIMES, STORAGE, WORDS } from './policy.ts'
import { PUSHED } from './pushed.ts'
import { HEADERS, PATHS, QUERIES } from './request.ts'
import { TOKENS_OF_OTHERS } from './token.ts'

/** The table. */
export const ROWS: readonly Row[] = [
  ...ALIASES,
  ...BEDROCK_NAMES,
  ...CLOUD_NAMES,
  ...PATHS,
  ...HEADERS,
  ...QUERIES,
  ...MEMBERS,
  ...REFERENCES,
  ...FALLBACKS,
  ...REDIRECTS,
  ...EVIDENCE,
  ...WORDS,
  ...REGIMES,
  ...STORAGE,
  ...GEO,
  ...TOKENS_OF_OTHERS,
  ...PUSHED,
  ...OUTSIDE,
  ...MOVING,
]
