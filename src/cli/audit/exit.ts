/** Exit codes of the house (design: names in the operator's file system). */
export const EXIT = { fine: 0, failed: 1, incomplete: 2, tampered: 4 } as const
