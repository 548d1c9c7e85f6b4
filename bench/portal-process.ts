import { startSandbox } from '../adapters/sandbox/sandbox.ts'
import { SandboxOptions } from '../adapters/sandbox/settings.ts'
import { clock } from './clock.ts'
import type { PortalLog } from './portal.ts'

// A sandbox in a process of its own that also remembers when it wrote what and how it answered. Options as JSON in
// BENCH_PORTAL; its log goes to the parent whenever that sends a word. Gone when the parent is.
const sandbox = await startSandbox(SandboxOptions.parse(JSON.parse(process.env['BENCH_PORTAL'] ?? '{}')))
let log: PortalLog = { writes: [], answers: [] }

const { store, meter } = sandbox
const create = store.create.bind(store)
const update = store.update.bind(store)
const addStep = store.addStep.bind(store)
const answered = meter.answered.bind(meter)
store.create = (code, payload) => {
  create(code, payload)
  log.writes.push([clock(), 'create', code])
}
store.update = (code, payload) => {
  update(code, payload)
  log.writes.push([clock(), 'update', code])
}
store.addStep = (code, step) => {
  addStep(code, step)
  log.writes.push([clock(), 'step', code])
}
meter.answered = (service, outcome) => {
  answered(service, outcome)
  log.answers.push([clock(), service, outcome])
}

process.on('message', () => {
  process.send?.(log)
  log = { writes: [], answers: [] }
})
process.once('disconnect', () => void sandbox.close())
process.once('SIGINT', () => undefined)
process.send?.({ url: sandbox.url, controlUrl: sandbox.controlUrl })
