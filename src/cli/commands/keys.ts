import { randomBytes } from 'node:crypto'
import { Option, type Command } from 'commander'
import { vietnamDate, vietnamToday } from '../../dossiers/model.ts'
import {
  createKey,
  grantRight,
  listKeys,
  revokeKey,
  revokeRight,
  rights,
  type Right,
  type RightChange,
} from '../../platform/auth.ts'
import { CommandFailed, UsageError } from '../exits.ts'
import { withGround } from '../ground.ts'
import { actor, readList, readSome } from '../options.ts'
import { answer, columns, switchesOf } from '../output.ts'

export function addKeys(program: Command): void {
  const keys = program.command('keys').description('API keys of the one-stop systems, and keys for encryption.')
  addCreate(keys)
  keys
    .command('list')
    .description('List all API keys, without their secrets.')
    .action(async (_options: unknown, command: Command) => {
      const list = await withGround(({ sql }) => listKeys(sql))
      answer(switchesOf(command), list, () =>
        list.length === 0 ? 'There are no keys yet. "dvcqg keys create" makes one.' : tableOf(list),
      )
    })
  keys
    .command('revoke <id>')
    .description('Take an API key out of force. It stops working within seconds.')
    .action(async (id: string, _options: unknown, command: Command) => {
      if (!(await withGround(({ sql }) => revokeKey(sql, id, actor()))))
        throw new CommandFailed(`No key in force has the id ${id}. "dvcqg keys list" shows them.`)
      answer(switchesOf(command), { id, revoked: true }, () => `The key ${id} no longer works.`)
    })
  addRightChange(keys, grantRight, {
    command: 'grant <id>',
    description: 'Give a key that is in force one more right. It holds within seconds.',
    changed: (id, right) => `The key ${id} has the right ${right} now.`,
    already: (id, right) => `The key ${id} had the right ${right} already.`,
  })
  addRightChange(keys, revokeRight, {
    command: 'revoke-right <id>',
    description: 'Take a right from a key that stays in force. It holds within seconds.',
    changed: (id, right) => `The key ${id} no longer has the right ${right}.`,
    already: (id, right) => `The key ${id} does not have the right ${right}.`,
  })
  keys
    .command('generate-encryption')
    .description('Print a new encryption key for ENCRYPTION_KEYS. Nothing is stored.')
    .addHelpText(
      'after',
      '\nPut it in front of the keys already in ENCRYPTION_KEYS; old keys are still needed for old data.',
    )
    .action((_options: unknown, command: Command) => {
      const id = `k${vietnamToday().replaceAll('-', '')}`
      const key = `${id}:${randomBytes(32).toString('base64')}`
      answer(switchesOf(command), { key }, () => key)
    })
}

interface RightCommand {
  readonly command: string
  readonly description: string
  readonly changed: (id: string, right: Right) => string
  readonly already: (id: string, right: Right) => string
}

function addRightChange(keys: Command, change: typeof grantRight, words: RightCommand): void {
  keys
    .command(words.command)
    .description(words.description)
    .addOption(new Option('--right <right>', 'the right (required)').choices(rights))
    .action(async (id: string, { right }: { right?: Right }, command: Command) => {
      if (right === undefined) throw new UsageError([`--right is missing: one of ${rights.join(', ')}.`])
      const done: RightChange = await withGround(({ sql }) => change(sql, id, right, actor()))
      if (done === null) throw new CommandFailed(`No key in force has the id ${id}. "dvcqg keys list" shows them.`)
      answer(switchesOf(command), { id, right, done }, () => words[done](id, right))
    })
}

/** What a key may do where nobody says it: the daily work. Looking after the service is given by name. */
const rightsOf = {
  program: ['dossiers:write', 'dossiers:read'],
  person: ['reports:read', 'deliveries:read', 'deliveries:resend', 'mappings:read', 'mappings:write'],
} as const satisfies Record<string, readonly Right[]>

interface CreateOptions {
  readonly person?: boolean
  readonly name?: string
  readonly source?: string
  readonly rights?: Right[]
  readonly agencies: string[]
}

function addCreate(keys: Command): void {
  keys
    .command('create')
    .description(
      'Create an API key for a one-stop system, or one for a person. It is shown once and cannot be shown again.',
    )
    .option('--person', 'for somebody who signs in to the console with it')
    .option('--name <text>', 'whose key it is, for people (required)')
    .option('--source <word>', 'the one-stop system that pushes with it; status mappings are by source (required)')
    .option(
      '--rights <list>',
      `any of ${rights.join(', ')} (default: ${rightsOf.program.join(', ')}; a person: ${rightsOf.person.join(', ')})`,
      readSome(rights),
    )
    .option('--agencies <list>', 'codes of the agencies it speaks for, or *', readList, ['*'])
    .action(async ({ name, source, person = false, rights: wanted, agencies }: CreateOptions, command: Command) => {
      const missing = [
        ...(name?.trim() ? [] : ['--name is missing: say whose key it is.']),
        ...(person || source?.trim() ? [] : ['--source is missing: name the one-stop system.']),
      ]
      if (missing.length > 0) throw new UsageError(missing)
      const wish = {
        name: name!.trim(),
        source: source?.trim() || 'console',
        rights: wanted ?? [...rightsOf[person ? 'person' : 'program']],
        agencies,
        person,
      }
      const created = await withGround(({ sql }) => createKey(sql, { ...wish, by: actor() }))
      answer(switchesOf(command), { ...created, ...wish }, () =>
        [created.key, '', 'Keep it now: it is not stored and cannot be shown again.', `Id: ${created.id}`].join('\n'),
      )
    })
}

const tableOf = (list: Awaited<ReturnType<typeof listKeys>>) =>
  columns([
    ['ID', 'NAME', 'FOR', 'SOURCE', 'RIGHTS', 'AGENCIES', 'CREATED', 'LAST USED', 'STATE'],
    ...list.map((key) => [
      key.id,
      key.name,
      key.person ? 'person' : 'program',
      key.source,
      key.rights.join(','),
      key.agencies.join(','),
      vietnamDate(key.createdAt.toISOString()),
      key.usedAt === null ? '–' : vietnamDate(key.usedAt.toISOString()),
      key.revokedAt ? `revoked ${vietnamDate(key.revokedAt.toISOString())}` : 'in force',
    ]),
  ])
