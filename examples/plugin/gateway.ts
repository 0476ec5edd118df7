// A gateway with a plugin of your own. In a project of yours, import from 'customhouse'.
//
//   node examples/plugin/gateway.ts customhouse.yaml
import { compose, loadConfig } from '../../src/index.ts'
import { codenames } from './codenames.ts'

const read = () => loadConfig(process.argv[2] ?? 'customhouse.yaml', process.env)
const gateway = await compose(await read(), { read, plugins: [codenames(['Bluebird', 'Heron'])] })
console.log(gateway.data)

process.once('SIGTERM', () => void gateway.stop())
// Nothing is sent any more once the ledger cannot be written: leave, and recover at the next start.
gateway.failed.then(() => process.exit(5))
