import { readSettings } from '../../config/settings.ts'
import { prepareGround, startHouse, type Policies } from '../../src/main.ts'
import { createLog } from '../../src/platform/log.ts'

export interface WorkerOrder {
  readonly environment: Readonly<Record<string, string>>
  readonly policies: Partial<Policies>
}

// Roles of the service in a process of its own, so that a test can kill it without a word of warning. Settings and policies
// come as JSON; the address of the API, if it serves one, goes to the parent. It stops when the parent is gone.
const { environment, policies } = JSON.parse(process.env['DVCQG_TEST_WORKER'] ?? '{}') as WorkerOrder
const settings = readSettings(environment, () => '')
const ground = await prepareGround(settings, { log: createLog(process.env['TEST_LOG'] ?? 'silent'), policies })
const house = await startHouse(ground)
process.once('disconnect', () => void house.close())
process.send?.({ url: house.url })
