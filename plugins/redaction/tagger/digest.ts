/** SHA-256 of weights.bin; scripts/tagger/train.ts writes both. */
export const WEIGHTS_SHA256 = '34b5d25e404724c8c008971279883789542bccb4c25fb9d96b8df1edcb09469b'
