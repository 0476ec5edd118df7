export const CLAUDE = 'anthropic.claude-sonnet-4-5-20250929-v1:0'
export const ACCOUNT = '111122223333'

export const arn = (
  kind: string,
  name: string,
  region = 'eu-central-1',
  more: Readonly<{ partition?: string; account?: string }> = {},
): string => `arn:${more.partition ?? 'aws'}:bedrock:${region}:${more.account ?? ACCOUNT}:${kind}/${name}`

/** Hosts of ours in Germany that fail where a row asks for it. */
export const FLAKY = {
  openai: 'flaky-o.bank.example',
  anthropic: 'flaky-a.bank.example',
  bedrock: 'flaky-b.bank.example',
} as const
export type Family = keyof typeof FLAKY
