import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { failures } from '../../config/failures.ts'
import { settingsTable, type Setting } from '../../config/settings.ts'
import { statuses } from '../../config/statuses.ts'
import { DossierChange, Step } from '../../src/dossiers/model.ts'
import { createMetrics } from '../../src/platform/metrics.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

/** Cells of the rows whose first cell is a name in code quotes, bold or not. */
function rows(document: string): string[][] {
  return document
    .split('\n')
    .filter((line) => /^\| (?:\*\*)?`/.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
}

const named = (document: string) => new Set(rows(document).map(([name]) => name!.replaceAll(/[*`]/g, '')))

function defaultOf({ schema }: Setting): string {
  const value = schema.safeParse(undefined).data
  if (Array.isArray(value)) return `\`${value.join(',')}\``
  return typeof value === 'string' || typeof value === 'number' ? `\`${value}\`` : 'not set'
}

describe('the documents for operators', () => {
  it('list every setting with its default and meaning, in order', () => {
    const known = new Set(settingsTable.map(({ name }) => `\`${name}\``))
    const listed = rows(read('docs/configuration.md')).filter(([name]) => known.has(name!))
    expect(listed).toEqual(
      settingsTable.map((setting) => [
        `\`${setting.name}\``,
        defaultOf(setting),
        setting.secret ? 'yes' : 'no',
        setting.about,
      ]),
    )
  })

  it('show every setting in the example environment', () => {
    const example = read('.env.example')
    for (const { name, about } of settingsTable) expect(example).toContain(`# ${about}\n#${name}=`)
  })

  it('list every failure code with its status, cause and next step', () => {
    const listed = rows(read('docs/operations.md')).filter(([name]) => name!.replaceAll('`', '') in failures)
    expect(listed).toEqual(
      Object.entries(failures).map(([code, { status, en }]) => [`\`${code}\``, String(status), en.cause, en.next]),
    )
  })

  it('list every metric, and the alerts name no other', async () => {
    const { registry } = createMetrics()
    const own = (await registry.getMetricsAsJSON())
      .map(({ name }) => name)
      .filter((name) => !/^dvcqg_(?:process|nodejs)_/.test(name))
    const document = named(read('docs/operations.md'))
    for (const name of own) expect(document).toContain(name)
    const inAlerts = read('deploy/prometheus/alerts.yml').match(/\bdvcqg_[a-z_]+/g) ?? []
    expect(inAlerts.length).toBeGreaterThan(0)
    for (const name of inAlerts) expect(own).toContain(name)
  })

  it('list every field and every status for integrators', () => {
    const document = read('docs/connecting.md')
    const listed = named(document)
    for (const name of [...Object.keys(DossierChange.shape), ...statuses]) expect(listed).toContain(name)
    const steps = rows(document)
      .findLast(([name]) => name === '`steps`')
      ?.join(' ')
    for (const name of Object.keys(Step.shape)) expect(steps).toContain(`\`${name}\``)
  })
})
