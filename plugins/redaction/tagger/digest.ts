/** SHA-256 of weights.bin; scripts/tagger/train.ts writes both. */
export const WEIGHTS_SHA256 = 'dddce2ee9c943345279fe51851a68af8002d96f9bbeb914732472aba9bafb3c8'
