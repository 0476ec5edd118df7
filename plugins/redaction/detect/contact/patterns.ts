/**
 * Every regular expression that the detectors of words run, each on a window of a few units (a word, a date, a postal code), never on a text. The tests
 * give all of them to `recheck`.
 */
export const PATTERNS = {
  /** BS 7666 and Royal Mail's PAF, with at most one blank. */
  ukPostcode:
    /^(?:GIR ?0AA|(?:[A-PR-UWYZ](?:\d{1,2}|\d[A-HJKPSTUW]|[A-HK-Y]\d{1,2}|[A-HK-Y]\d[ABEHMNPRVWXY])) ?\d[ABD-HJLNP-UW-Z]{2})$/,
  canadianPostcode: /^[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z] ?\d[ABCEGHJ-NPRSTV-Z]\d$/,
  /** First words of the addresses of American forces. */
  militaryUnit: /^(?:US(?:NS|NV|S|CGC)|PSC|Unit)$/,
  /** RFC 9110 11.4: the scheme in front of a credential. */
  authScheme: /^(?:Bearer|Basic|Token|ApiKey) +/i,
  /** What stands for a secret in programs and templates. */
  reference:
    /^(?:process\.env|os\.environ|os\.getenv|env\.|getenv|secrets\.|vars\.|config\.|self\.|this\.|req\.|your[-_]|example|changeme_|xxxx|\*\*\*)/,
  century: /^(?:19|20)/,
  /** Counts and amounts. */
  round: /^[1-9]\d{0,3}0{4,7}$/,
  shortNumber: /^\d{1,4}$/,
  blank: /\s/,
} as const
