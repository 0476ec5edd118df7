/** SHA-256 of weights.bin; scripts/tagger/train.ts writes both. */
export const WEIGHTS_SHA256 = 'e58cfd09b8b5718a42e1c458cc61687101734af10171e16369d17130b0ccfe01'
