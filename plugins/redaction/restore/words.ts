/** Words as they are read, a letter at a time: hashes of their small letters. */
export function hash(word: string): number {
  let run = 0
  for (let at = 0; at < word.length; at++) run = (Math.imul(run, 31) + word.charCodeAt(at)) | 0
  return run
}

export const hashes = (words: string): ReadonlySet<number> => new Set(words.split(' ').map(hash))
