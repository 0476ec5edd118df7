export {
  beforeWords,
  type Cutting,
  openaiAnswer,
  openaiError,
  openaiStream,
  type Speech,
  type SpokenTool,
} from '../../src/cli/demo/answers.ts'
export {
  type Behaviour,
  type Received,
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from '../../src/cli/demo/simulator.ts'
export { anthropicAnswer, anthropicError, anthropicStream } from './anthropic.ts'
export { converseAnswer, converseStream, frame, invokeStream } from './bedrock.ts'
export { type SelfSigned, selfSigned } from './certificate.ts'
export { type RecordedRequest, type Recorder, type RecorderOptions, startRecorder } from './recorder.ts'
export { fixturesFolder, type Recording, recordings, replay } from './recordings.ts'
export { type ReadRequest, RequestReader } from './request-reader.ts'
export {
  drip,
  type Ending,
  type Fields,
  failure,
  hangUp,
  head,
  redirect,
  reset,
  type Script,
  type Step,
  shortBody,
  silence,
  split,
  stream,
  tooMany,
  whole,
} from './script.ts'
