import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { atTheEnd } from './tidy.ts'

/** A folder on a disk of its own that can be filled in a moment, without a byte written to the machine's real disk. */
export interface SmallDisk {
  readonly folder: string
  /** From now on there is no room for anything new. */
  fill(): void
  free(): void
  remove(): void
}

const megabyte = 1024 * 1024

/** Null when this account may not mount. */
export function makeSmallDisk(folder: string, megabytes: number): SmallDisk | null {
  mkdirSync(folder, { recursive: true })
  const mount = (...words: string[]) => spawnSync('mount', words, { stdio: 'ignore' }).status === 0
  if (!mount('-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700`, 'dvcqg-chaos', folder)) return null
  const remove = () => void spawnSync('umount', ['-l', folder], { stdio: 'ignore' })
  const forget = atTheEnd(remove)
  const resize = (bytes: number) => {
    if (!mount('-o', `remount,size=${bytes}`, folder)) throw new Error('The small disk cannot be resized')
  }
  return {
    folder,
    fill() {
      const { blocks, bfree, bsize } = statfsSync(folder)
      resize((blocks - bfree) * bsize)
      if (hasRoom(folder)) throw new Error('The small disk is not full')
    },
    free: () => resize(megabytes * megabyte),
    remove() {
      forget()
      remove()
    },
  }
}

function hasRoom(folder: string): boolean {
  const probe = join(folder, 'probe')
  try {
    writeFileSync(probe, Buffer.alloc(megabyte))
    return true
  } catch {
    return false
  } finally {
    rmSync(probe, { force: true })
  }
}

/** Without a mount: no file of these processes may grow beyond `bytes`. False when the machine has no `prlimit`. */
export function limitFiles(pids: readonly number[], bytes: number | 'unlimited'): boolean {
  return pids.every(
    (pid) =>
      spawnSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`], { stdio: 'ignore' }).status === 0,
  )
}

/** Children of this process that run a script of this name. */
export function childrenRunning(script: string): number[] {
  const read = (pid: string, file: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8')
    } catch {
      return ''
    }
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => Number(/^PPid:\s+(\d+)$/m.exec(read(pid, 'status'))?.[1]) === process.pid)
    .filter((pid) => read(pid, 'cmdline').includes(script))
    .map(Number)
}
