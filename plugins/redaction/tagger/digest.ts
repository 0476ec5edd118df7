/** SHA-256 of weights.bin; scripts/tagger/train.ts writes both. */
export const WEIGHTS_SHA256 = 'be6aae8e0d86ef6c37f2cc401aced0e25460bfe9eba1feba943441a79dfbac0f'
