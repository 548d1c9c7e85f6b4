import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { konTum } from '../../src/demo/kon-tum/generator.ts'
import type { DemoResult } from '../../src/demo/result.ts'

const scale = 0.01

/** The demo as a person starts it: a program of its own, with its own servers whatever the tests use. */
function startDemo(folder: string, ...more: string[]) {
  const { DATABASE_URL: _database, REDIS_URL: _redis, ...environment } = process.env
  const child = spawn(
    process.execPath,
    ['src/cli/dvcqg.ts', 'demo', '--scale', String(scale), '--data-dir', folder, ...more],
    { env: environment, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const said = { out: '', error: '' }
  child.stdout.on('data', (text: Buffer) => (said.out += text.toString()))
  child.stderr.on('data', (text: Buffer) => (said.error += text.toString()))
  const ended = once(child, 'close').then(([code]) => code as number | null)
  return { child, said, ended }
}

async function until(condition: () => boolean, milliseconds: number): Promise<void> {
  const end = Date.now() + milliseconds
  while (!condition()) {
    if (Date.now() > end) throw new Error('Waited in vain')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

describe('the demo', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dvcqg-demo-'))
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  it('ends by itself with figures that are all as planted', { timeout: 120_000 }, async () => {
    const dataDir = join(folder, 'whole')
    const { said, ended } = startDemo(dataDir, '--exit', '--json')
    expect({ code: await ended, out: said.out === '' ? said.error : '' }).toEqual({ code: 0, out: '' })
    const result = JSON.parse(said.out) as DemoResult
    const { truth } = konTum({ scale })
    expect(result).toMatchObject({ good: true, problems: [] })
    expect(result.actOne.received).toBe(truth.total)
    expect(result.actOne.clock.stoppedBy).toBe('figure')
    // What was in the workers' hands when the clock stopped still arrives: never more than all that can be sent.
    expect(result.actOne.delivered).toBeGreaterThanOrEqual(Math.floor(result.actOne.target * 0.95))
    expect(result.actOne.delivered).toBeLessThan(truth.resolvable)
    expect(result.actTwo.delivered).toBe(result.verification.dossiers)
    expect(result.verification).toMatchObject({
      lost: 0,
      invented: 0,
      different: 0,
      missingSteps: 0,
      duplicateSteps: 0,
      inventedSteps: 0,
      reordered: 0,
    })
    expect(result.reconciliation).toMatchObject({ state: 'finished', rate: 100 })
    for (const page of ['act-one.html', 'act-two.html'])
      expect(await readFile(join(dataDir, page), 'utf8')).toContain('Tỷ lệ đồng bộ')
  })

  it(
    'throws away what an earlier demo left, stays up with an open page, and ends on a signal',
    { timeout: 120_000 },
    async () => {
      const dataDir = join(folder, 'whole')
      const { child, said, ended } = startDemo(dataDir)
      try {
        await until(() => said.error.includes('Ctrl-C'), 90_000)
        const address = /http:\/\/127\.0\.0\.1:\d+(?=\/act-one)/.exec(said.error)![0]
        const page = await fetch(`${address}/?lang=en`)
        expect(page.status).toBe(200)
        expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
        expect(await page.text()).toContain('dossiers')
        expect((await fetch(`${address}/act-one`)).status).toBe(200)
        const list = (await (await fetch(`${address}/v1/dossiers?cause=no-national-code`)).json()) as {
          dossiers: unknown[]
        }
        expect(list.dossiers).toHaveLength(konTum({ scale }).truth.neverMappable)
        expect((await fetch(`${address}/nothing`)).status).toBe(404)
      } finally {
        child.kill('SIGINT')
      }
      expect(await ended).toBe(0)
      expect(existsSync(join(dataDir, 'lock.json'))).toBe(false)
    },
  )

  it(
    'ends at once, with nothing left running, when it is interrupted in the middle',
    { timeout: 120_000 },
    async () => {
      const dataDir = join(folder, 'interrupted')
      const { child, said, ended } = startDemo(dataDir, '--exit')
      await until(() => said.error.includes('Act one'), 90_000)
      child.kill('SIGINT')
      // The pipes close only when the last child that inherited them is gone.
      expect(await ended).toBe(130)
      expect(existsSync(join(dataDir, 'lock.json'))).toBe(false)
    },
  )

  it('touches no folder that it did not fill itself', async () => {
    const dataDir = join(folder, 'foreign')
    await mkdir(dataDir)
    await writeFile(join(dataDir, 'thesis.txt'), 'ten years of work')
    const { said, ended } = startDemo(dataDir, '--exit')
    expect(await ended).toBe(1)
    expect(said.error).toContain('no demo made')
    expect(await readdir(dataDir)).toEqual(['thesis.txt'])
  })
})
