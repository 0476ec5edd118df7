import { killsMutants } from './mutating.ts'

killsMutants('controls/redaction/', ['condition', 'constant', 'negation', 'operator'])
