import { SingleBar } from 'cli-progress'
import { remark } from './output.ts'

export interface Progress {
  /** `note` is shown beside the figures. */
  show(done: number, total: number, note: string): void
  end(): void
}

const plainEvery = 5_000

/** A bar on a terminal, a line every few seconds elsewhere; on stderr, so that the answer on stdout stays clean. */
export function startProgress(what: string): Progress {
  return process.stderr.isTTY ? barOf(what) : linesOf(what)
}

function barOf(what: string): Progress {
  const bar = new SingleBar({
    format: `${what} {bar} {percentage} %  {note}`,
    stream: process.stderr,
    hideCursor: true,
    clearOnComplete: true,
    gracefulExit: false,
  })
  let started = false
  return {
    show(done, total, note) {
      if (!started) bar.start(Math.max(total, 1), done, { note })
      started = true
      bar.setTotal(Math.max(total, 1))
      bar.update(done, { note })
    },
    end: () => bar.stop(),
  }
}

function linesOf(what: string): Progress {
  let next = Date.now() + plainEvery
  return {
    show(done, total, note) {
      if (Date.now() < next) return
      next = Date.now() + plainEvery
      remark(`${what}: ${total > 0 ? Math.floor((done * 100) / total) : 0} %, ${note}`)
    },
    end: () => undefined,
  }
}
