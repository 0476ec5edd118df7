export { type AccountGiven, importAzure, type KnownDeployments } from './azure.ts'
export { importBedrock, type KnownRegions } from './bedrock.ts'
export type { Document, ImportedOverlay, ImportedProfile, ImportedResource } from './document.ts'
export { mergeOverlay } from './overlay.ts'
