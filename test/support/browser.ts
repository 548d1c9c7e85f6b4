import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inflate } from '@sparticuz/chromium'
import { chromium, type Browser } from 'playwright-core'

/** A real browser: the system's Chromium where there is one, else the one that npm brings, with its libraries and fonts. */
export async function openBrowser(): Promise<Browser> {
  const own = systemBrowser()
  const { path, env } = own === null ? await unpacked() : { path: own, env: {} }
  return chromium.launch({
    executablePath: path,
    args: ['--no-sandbox', '--font-render-hinting=none'],
    env: { ...process.env, ...env },
  })
}

const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']

function systemBrowser(): string | null {
  for (const name of names)
    try {
      return execFileSync('which', [name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
    } catch {
      // Not under this name.
    }
  return null
}

const root = fileURLToPath(new URL('../../node_modules/', import.meta.url))
const folder = join(root, '.cache/browser')

/** Unpacked once, aside, and then put in its place as a whole: a run that was killed in between leaves no half browser. */
async function unpacked(): Promise<{ path: string; env: Record<string, string> }> {
  if (!existsSync(folder)) {
    const aside = `${folder}.${process.pid}`
    await mkdir(aside, { recursive: true })
    const before = process.env['TMPDIR']
    process.env['TMPDIR'] = aside
    try {
      for (const part of ['chromium.br', 'fonts.tar.br', 'al2023.tar.br'])
        await inflate(join(root, '@sparticuz/chromium/bin', part))
    } finally {
      if (before === undefined) delete process.env['TMPDIR']
      else process.env['TMPDIR'] = before
    }
    await rename(aside, folder).catch(() => rm(aside, { recursive: true }))
  }
  // As it comes it looks for its fonts where a function in a cloud would have unpacked them; without any the browser ends at once.
  const fonts = `<fontconfig><dir>${join(folder, 'fonts/fonts')}</dir><cachedir>${join(folder, 'fonts/cache')}</cachedir></fontconfig>`
  await writeFile(join(folder, 'fonts/fonts.conf'), `<?xml version="1.0"?>\n${fonts}\n`)
  return {
    path: join(folder, 'chromium'),
    env: { LD_LIBRARY_PATH: join(folder, 'al2023/lib'), FONTCONFIG_PATH: join(folder, 'fonts') },
  }
}
