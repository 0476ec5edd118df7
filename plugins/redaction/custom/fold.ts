/** As terms of dictionaries and allow lists are compared: without case, accents, and runs of blanks. By way of upper case, where ß is SS. */
export function fold(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .toUpperCase()
    .toLowerCase()
    .replace(/ς/g, 'σ')
    .replace(/\s+/g, ' ')
    .trim()
}
