import { once } from 'node:events'
import type { Command } from 'commander'
import { startSandbox, type Sandbox } from '../../../adapters/sandbox/sandbox.ts'
import { stoppable } from '../ground.ts'
import { readPort, readWhole } from '../options.ts'
import { answer, remark, switchesOf } from '../output.ts'

interface Options {
  readonly port: number
  readonly seed: number
  readonly ceiling?: number
}

export function addSandbox(program: Command): void {
  program
    .command('sandbox')
    .description('Run an imitation of the national portal until it is stopped, to try things out.')
    .option('--port <number>', 'port to listen on, 0 for any free one', readPort, 8090)
    .option('--seed <number>', 'makes chance repeatable', readWhole(0), 1)
    .option('--ceiling <number>', 'answer 429 above this many calls per second', readWhole(1))
    .action(async ({ port, seed, ceiling }: Options, command: Command) => {
      await stoppable(async (stop) => {
        const sandbox = await startSandbox({ port, seed })
        if (ceiling !== undefined) sandbox.faults.set([{ kind: 'ceiling', value: { perSecond: ceiling } }])
        answer(switchesOf(command), addressesOf(sandbox), () => describe(sandbox))
        if (!stop.aborted) await once(stop, 'abort')
        await sandbox.close()
        remark('The sandbox has stopped.')
      })
    })
}

const addressesOf = ({ url, gatewayUrl, reportUrl, controlUrl }: Sandbox) => ({
  url,
  gatewayUrl,
  reportUrl,
  controlUrl,
})

const describe = ({ url, gatewayUrl, reportUrl, controlUrl }: Sandbox) =>
  `The sandbox portal is running.

  portal (forwarder)    ${url}
  portal (gateway)      ${gatewayUrl}
  public report         ${reportUrl}
  control               ${controlUrl}

Point the service at it:

  PORTAL_URL=${url} PORTAL_DIALECT=sandbox \\
  PORTAL_USERNAME=sandbox PORTAL_PASSWORD=sandbox PORTAL_UNIT=000.00.00.H34 dvcqg serve

Ctrl-C stops it; it forgets everything it received.`
