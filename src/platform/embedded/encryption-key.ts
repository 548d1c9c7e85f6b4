import { randomBytes } from 'node:crypto'
import { open, readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { DataDirUnusable, makeDataDir } from './data-dir.ts'

const format = /^embedded:[A-Za-z0-9+/]{43}=$/

/**
 * The key that seals personal data when none was given: made once, kept next to the data, readable by this account only.
 * A damaged file is never replaced, because everything sealed with the old key would be lost.
 */
export async function embeddedEncryptionKey(dataDir: string): Promise<string> {
  await makeDataDir(dataDir)
  const path = join(dataDir, 'encryption.key')
  const known = (await existing(path)) ?? (await create(path))
  if (!format.test(known))
    throw new DataDirUnusable(resolve(dataDir), 'encryption.key is damaged; put it back from a backup')
  return known
}

async function existing(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new DataDirUnusable(path, 'encryption.key cannot be read')
  }
}

async function create(path: string): Promise<string> {
  const key = `embedded:${randomBytes(32).toString('base64')}`
  try {
    const file = await open(path, 'wx', 0o600)
    try {
      await file.writeFile(`${key}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    return key
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return (await existing(path)) ?? ''
  }
}
