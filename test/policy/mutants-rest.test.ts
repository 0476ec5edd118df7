import { killsMutants } from './mutating.ts'

killsMutants('the rest', ['condition', 'constant', 'membership', 'negation', 'operator'])
