import { killsMutants } from './mutating.ts'

killsMutants('controls/residency/', ['condition', 'constant', 'membership', 'negation', 'operator'])
