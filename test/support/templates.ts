import { templateWith } from './house.ts'

/** Before the files that start at the same time: not each of them should make the same, while its own time runs. */
export default async function prepare(): Promise<void> {
  if (!process.env['DATABASE_URL']) await templateWith('perhaps')
}
