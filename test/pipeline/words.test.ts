import { describe, expect, test } from 'vitest'
import { openaiError } from '../kit/index.ts'
import { play } from './scene.ts'

/** What of a provider's own words enters the ledger, where it stays for good. */

async function recorded(finish: string, code: string, id: string): Promise<readonly unknown[]> {
  const said = {
    id: '1',
    choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: finish }],
  }
  const headers = { 'x-request-id': id }
  const answer = await play({ streamed: false, headers, chunks: [JSON.stringify(said)] })
  const fault = await play({
    streamed: false,
    status: 400,
    headers,
    chunks: [JSON.stringify(openaiError('no', 'x', code))],
  })
  const [ended] = answer.outcomes
  const [failed] = fault.outcomes
  expect(failed?.body.provider_request).toBe(ended?.body.provider_request)
  return [ended?.body.finish, failed?.body.fault, ended?.body.provider_request]
}

describe('finish reasons and codes of faults', () => {
  test.each([
    // Of the recordings, and of what providers document.
    ...'stop length tool_calls function_call content_filter end_turn max_tokens tool_use stop_sequence pause_turn refusal'.split(
      ' ',
    ),
    ...'COMPLETE MAX_TOKENS model_length guardrail_intervened malformed_tool_use model_context_window_exceeded'.split(
      ' ',
    ),
    ...'insufficient_quota model_not_found invalid_image_url context_length_exceeded ThrottlingException overloaded_error'.split(
      ' ',
    ),
    ...'ServiceQuotaExceededException com.amazonaws.bedrock:ModelErrorException 404 3505 error-1v2'.split(' '),
  ])('%s is recorded', async (word) => {
    expect((await recorded(word, word, 'req')).slice(0, 2)).toEqual([word, word])
  })

  test.each([
    ['an IBAN', 'DE89370400440532013000'],
    ['an IBAN in groups', 'DE89-3704-0044-0532-0130-00'],
    ['a number of a card', '4111111111111111'],
    ['a telephone', '0171.234567'],
    ['a date of birth', 'born_12.08.1964'],
    ['five digits', 'plz_80331'],
    ['a telephone in pairs', '01-71-23-45'],
    ['a hash', 'a1b2c3d4e5f6a7b8'],
    ['a long word', 'x'.repeat(65)],
  ])('%s is not', async (_, text) => {
    const [finish, fault] = await recorded(text, text, 'req')
    expect(finish).toBe('other')
    expect(['other', 'unknown']).toContain(fault)
  })
})

describe('ids of their requests', () => {
  test.each(['req_011CT6JRYAtJjioFin4pYtvp', '90ada254-7916-4e05-a761-c290afc3ea2a', 'a:b.c', 'x'.repeat(128)])(
    '%s is recorded',
    async (id) => {
      expect((await recorded('stop', 'x', id))[2]).toBe(id)
    },
  )

  test.each(['Erika Mustermann', 'a@b.de', 'x'.repeat(129), 'a/b', 'é', ''])('"%s" is not', async (id) => {
    expect((await recorded('stop', 'x', id))[2]).toBe('other')
  })
})
