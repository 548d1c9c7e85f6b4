import Fastify from 'fastify'
import { openDatabase } from '../src/platform/database.ts'

// The limit of `intake-single`: the same web framework and driver, one insert and its commit per request. It leaves out
// keys, validation, judging, hashing, encryption, history, steps and lanes.
const sql = openDatabase({ url: process.argv[2]!, pool: 10 })
await sql`create table if not exists bare_dossiers (code text primary key, body jsonb not null)`

const app = Fastify()
app.put<{ Params: { code: string } }>('/v1/dossiers/:code', async (request) => {
  await sql`insert into bare_dossiers (code, body) values (${request.params.code}, ${sql.json(request.body as object as never)})`
  return { code: request.params.code, result: 'stored' }
})
const url = await app.listen({ port: 0, host: '127.0.0.1' })

process.once('disconnect', () => void app.close().then(() => sql.end({ timeout: 5 })))
process.send?.({ url })
