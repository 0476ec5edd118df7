import { malformed, unsupported } from '../request.ts'

/**
 * Betas that a call may switch on: those of messages in the types of `@anthropic-ai/sdk` 1.12, those that Vercel's and LangChain's adapters
 * send, that of Claude Code, and those that are recorded. A beta may change what the body means, so one that nobody here has read is refused. `server-side-fallback` is
 * left out on purpose: it lets the provider choose another model.
 */
const BETAS: ReadonlySet<string> = new Set(
  `
  advanced-tool-use-2025-11-20 advisor-tool-2026-03-01 agent-memory-2026-07-22 cache-diagnosis-2026-04-07 claude-code-20250219
  code-execution-2025-05-22 code-execution-2025-08-25 code-execution-web-tools-2026-02-09
  compact-2026-01-12 compact-2026-09-04 computer-use-2024-10-22 computer-use-2025-01-24 computer-use-2025-11-24 context-1m-2025-08-07
  context-management-2025-06-27 dangerous-tool-use-2026-09-03 dev-full-thinking-2025-05-14 extended-cache-ttl-2025-04-11
  fallback-credit-2026-06-01 fallback-credit-2026-07-01 fast-mode-2026-02-01 files-api-2025-04-14 fine-grained-tool-streaming-2025-05-14
  inline-tools-2026-09-15 interleaved-thinking-2025-05-14 mcp-client-2025-04-04 mcp-client-2025-11-20 mcp-client-2026-09-15
  message-threads-2026-08-12 mid-conversation-output-config-2026-07-01 mid-conversation-system-2026-04-07
  mid-conversation-system-clear-at-2026-08-21 mid-conversation-tool-changes-2026-07-01 model-context-window-exceeded-2025-08-26
  output-128k-2025-02-19 output-300k-2026-03-24 pdfs-2024-09-25 prompt-caching-2024-07-31 skills-2025-10-02
  structured-outputs-2025-11-13 structured-outputs-2025-12-15 task-budgets-2026-03-13 thinking-binding-controls-2026-08-01
  thinking-display-updates-2026-08-18 thinking-token-count-2026-05-13 token-counting-2024-11-01 token-efficient-tools-2025-02-19
  tools-2024-04-04 web-fetch-2025-09-10
  `
    .trim()
    .split(/\s+/),
)

/** Lets a call run at a price of its own; a policy sees it among the betas. */
export const FAST_MODE = 'fast-mode-2026-02-01'

/** Betas of a header, whose lines were joined by `, `; each once, in their order. */
export function readBetas(header: string | undefined): readonly string[] {
  if (header === undefined) return []
  return checkBetas(
    header.split(',').map((beta) => beta.trim()),
    'anthropic-beta',
  )
}

/** Throws ERR_CALL_MALFORMED for what is no plain word, ERR_CALL_UNSUPPORTED for a beta that is not known. */
export function checkBetas(betas: readonly string[], where: string): readonly string[] {
  for (const beta of betas) {
    if (!/^[A-Za-z0-9_.-]{1,64}$/.test(beta)) throw malformed(where, 'each beta must be 1 to 64 of A-Z a-z 0-9 _ . -')
    if (!BETAS.has(beta)) throw unsupported(where, `leave out ${beta}: this gateway does not know what it changes`)
  }
  return [...new Set(betas)]
}
