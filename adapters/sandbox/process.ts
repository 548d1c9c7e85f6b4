import { startSandbox } from './sandbox.ts'
import { SandboxOptions } from './settings.ts'

// A sandbox of its own process: options as JSON in DVCQG_SANDBOX, addresses to the parent, gone when the parent is.
const options = SandboxOptions.parse(JSON.parse(process.env['DVCQG_SANDBOX'] ?? '{}'))
const sandbox = await startSandbox(options).catch(giveUp)
const { url, gatewayUrl, reportUrl, controlUrl } = sandbox

let ending: Promise<void> | undefined
function end(): void {
  ending ??= sandbox.close().then(() => {
    if (process.connected) process.disconnect()
  })
}
process.once('disconnect', end)
process.once('SIGTERM', end)
process.once('SIGINT', end)
process.send?.({ url, gatewayUrl, reportUrl, controlUrl })

/** The parent says why; a stack would tell nobody more. */
async function giveUp(error: Error): Promise<never> {
  await new Promise((resolve) => process.send?.({ failed: error.message }, resolve) ?? resolve(null))
  process.exit(1)
}
