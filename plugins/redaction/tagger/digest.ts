/** SHA-256 of weights.bin; scripts/tagger/train.ts writes both. */
export const WEIGHTS_SHA256 = '9318cd34d536501aa8deecfbe527bef6d2b1764764e37ade6cc2409cffef924a'
