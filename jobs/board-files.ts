import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, extname, join } from 'node:path'

/** The files of Bull Board's own page, as they lie in its package: nothing that is asked for becomes a path. */

export interface BoardFile {
  readonly path: string
  readonly type: string
  /** Its name changes with its content. */
  readonly hashed: boolean
}

export interface BoardFiles {
  /** By address below the board. */
  readonly files: ReadonlyMap<string, BoardFile>
  readonly styles: readonly string[]
  readonly scripts: readonly string[]
}

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
}

/** Throws when the package is not made as it was: a page without its script would only be noticed by whoever needs it. */
export function readBoardFiles(): BoardFiles {
  const dist = join(dirname(createRequire(import.meta.url).resolve('@bull-board/ui/package.json')), 'dist')
  const files = new Map<string, BoardFile>()
  for (const entry of readdirSync(join(dist, 'static'), { recursive: true, withFileTypes: true })) {
    const type = types[extname(entry.name)]
    if (!entry.isFile() || type === undefined) continue
    const path = join(entry.parentPath, entry.name)
    const address = path.slice(dist.length + 1).replaceAll('\\', '/')
    files.set(address, { path, type, hashed: /\.[0-9a-f]{10}\.(?:js|css)$/.test(entry.name) })
  }
  const page = readFileSync(join(dist, 'index.ejs'), 'utf8')
  const named = (pattern: RegExp) =>
    [...page.matchAll(pattern)].map(([, address]) => address!).filter((one) => files.has(one))
  const styles = named(/<link href="(static\/css\/[^"]+)"/g)
  const scripts = named(/<script defer src="(static\/js\/[^"]+)"/g)
  if (styles.length === 0 || scripts.length === 0)
    throw new Error('The page of @bull-board/ui names no style or no script')
  return { files, styles, scripts }
}
