import { userInfo } from 'node:os'
import { InvalidArgumentError, Option } from 'commander'
import { dayOf } from '../platform/day.ts'
import { momentOf } from '../reconciliation/register-row.ts'

/** Readers of option values. What they refuse ends the command as wrong usage. */

export function readDay(text: string): string {
  const day = dayOf(text.trim())
  if (day === null) throw new InvalidArgumentError('A day is written 2026-03-31 or 31/03/2026.')
  return day
}

/** A moment, in Vietnam's time where it names no zone; ISO 8601 in UTC. */
export function readMoment(text: string): string {
  const moment = momentOf(text)
  if (moment === null) throw new InvalidArgumentError('A moment is written 2026-03-31 17:00 or 31/03/2026 17:00.')
  return moment
}

export function readPort(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new InvalidArgumentError('A port is a number from 0 to 65535.')
  return port
}

/** A whole number from `least` on. */
export const readWhole =
  (least: number) =>
  (text: string): number => {
    const value = Number(text)
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < least)
      throw new InvalidArgumentError(`It must be a whole number from ${least} on.`)
    return value
  }

/** A share above 0 and up to 1. */
export function readShare(text: string): number {
  const share = Number(text)
  if (!(share > 0 && share <= 1)) throw new InvalidArgumentError('It must be above 0 and at most 1, for example 0.05.')
  return share
}

/** Several words separated by commas. */
export function readList(text: string): string[] {
  const list = text.split(',').flatMap((part) => part.trim() || [])
  if (list.length === 0) throw new InvalidArgumentError('It names nothing.')
  return [...new Set(list)]
}

/** Several of these words, separated by commas. */
export const readSome =
  <T extends string>(allowed: readonly T[]) =>
  (text: string): T[] => {
    const list = readList(text)
    const wrong = list.filter((word) => !(allowed as readonly string[]).includes(word))
    if (wrong.length > 0) throw new InvalidArgumentError(`Allowed are ${allowed.join(', ')}.`)
    return list as T[]
  }

/** The language of what a command says to people; our own people first. */
export const languageOption = (of = 'the words') =>
  new Option('--lang <language>', `language of ${of}`).choices(['vi', 'en']).default('vi')

/** Who is at the command line, for the audit. */
export function actor(): string {
  try {
    return `cli:${userInfo().username}`
  } catch {
    // In a container the account may have a number and no name.
    return `cli:${process.getuid?.() ?? 'unknown'}`
  }
}
