import { readdir, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { CommandFailed } from '../cli/exits.ts'
import { claimDataDir, DataDirTaken } from '../platform/embedded/data-dir.ts'

/** Says that what lies in a folder was made by a demo and may be thrown away by the next one. */
const marker = 'demo-data'
const lock = 'lock.json'

/**
 * Makes the folder empty. Only what an earlier demo made is thrown away, and only when no living program holds the folder:
 * somebody who names the wrong folder loses nothing.
 */
export async function emptyFolder(folder: string): Promise<void> {
  const claim = await claimDataDir(folder)
  if (!('held' in claim)) throw new DataDirTaken(resolve(folder), claim.owner.pid)
  try {
    const found = (await readdir(folder)).filter((name) => name !== lock)
    if (found.length > 0 && !found.includes(marker))
      throw new CommandFailed(
        `The folder ${resolve(folder)} holds files that no demo made. Name an empty or a new folder for the demo.`,
      )
    for (const name of found) if (name !== marker) await rm(join(folder, name), { recursive: true, force: true })
    await writeFile(join(folder, marker), 'Data of "npm run demo". The next demo throws all of it away.\n')
  } finally {
    await claim.held.release()
  }
}
