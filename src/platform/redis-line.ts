import { createRequire } from 'node:module'

export { Redis } from 'ioredis'

/** What the library reads the answers of one connection with. */
interface Reader {
  readonly redis: {
    /** Commands that wait for their answer. */
    readonly commandQueue: { readonly length: number }
    readonly stream: { destroy(why: Error): unknown }
  }
  shiftCommand: (this: Reader, reply: unknown) => unknown
}

/**
 * Answers bear no names, they only come in order: where one came that nobody asked for, every later one may go to the wrong
 * asker. The library reports that and reads on; when the answer is null it even throws where nobody can catch it, which
 * would end the process. So such a connection is closed, and opened anew like any other that was lost. The queue library
 * opens its connections with the same reader.
 */
const library = createRequire(import.meta.url)('ioredis/built/DataHandler.js') as { default: { prototype: Reader } }
const reader = library.default.prototype
const { shiftCommand } = reader
reader.shiftCommand = function (reply) {
  if (this.redis.commandQueue.length > 0) return shiftCommand.call(this, reply)
  this.redis.stream.destroy(new Error('Redis answered what nobody asked'))
  return null
}
