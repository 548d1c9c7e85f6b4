import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSecretKey,
  hkdfSync,
  randomBytes,
  randomFillSync,
} from 'node:crypto'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'

export interface EncryptionKey {
  readonly id: string
  readonly key: Buffer
}

/**
 * Seals personal data at rest: AES-256-GCM, a random 96-bit nonce each time, the key's id in front so that keys can be
 * rotated. Layout: kind (1: plain, 2: zstd-compressed), length of key id (1), key id, nonce (12), tag (16), ciphertext.
 *
 * The layout and the `context` (kind and owner, for example `change:` and the dossier's code) are authenticated: a sealed value moved to another row does not open.
 */
export interface Vault {
  seal(text: string, context: string): Buffer
  /** Throws when the key is not known any more or the value was tampered with. */
  open(sealed: Buffer, context: string): string
  /** Keyed hash of content: equal content is recognised without the database being able to guess it. */
  fingerprint(text: string): Buffer
}

const plain = 1
const compressed = 2
/** Shorter texts gain nothing by compression and cost as much as their encryption. */
const worthCompressing = 4096

const nonceLength = 12
const tagLength = 16

/** Gives each nonce once. The random bytes of some hundred are drawn together: a draw costs as much as a short encryption. */
function createNonces(): () => Buffer {
  const drawn = Buffer.alloc(nonceLength * 340)
  let next = drawn.length
  return () => {
    if (next === drawn.length) {
      randomFillSync(drawn)
      next = 0
    }
    next += nonceLength
    return drawn.subarray(next - nonceLength, next)
  }
}

export function createVault(keys: readonly EncryptionKey[]): Vault {
  const newest = keys[0]
  const oldest = keys.at(-1)
  if (!newest || !oldest) throw new Error('At least one encryption key is needed')
  const byId = new Map(keys.map(({ id, key }) => [id, createSecretKey(key)]))
  const sealKey = byId.get(newest.id)!
  // The oldest key feeds the fingerprint, so that adding a newer key does not make every dossier look changed.
  const hashKey = createSecretKey(Buffer.from(hkdfSync('sha256', oldest.key, '', 'dvcqg content fingerprint', 32)))
  const headerOf = (kind: number) => Buffer.from([kind, newest.id.length, ...Buffer.from(newest.id, 'ascii')])
  const headers = { plain: headerOf(plain), compressed: headerOf(compressed) }
  const nextNonce = createNonces()
  return {
    seal(text, context) {
      const header = Buffer.byteLength(text) > worthCompressing ? headers.compressed : headers.plain
      const nonce = nextNonce()
      const cipher = createCipheriv('aes-256-gcm', sealKey, nonce, { authTagLength: tagLength })
      cipher.setAAD(Buffer.concat([header, Buffer.from(context)]))
      const body = header === headers.compressed ? cipher.update(zstdCompressSync(text)) : cipher.update(text, 'utf8')
      cipher.final()
      return Buffer.concat([header, nonce, cipher.getAuthTag(), body])
    },
    open(sealed, context) {
      const kind = sealed[0]
      const idLength = sealed[1] ?? 0
      const id = sealed.toString('latin1', 2, 2 + idLength)
      const key = byId.get(id)
      if ((kind !== plain && kind !== compressed) || !key)
        throw new Error(`A sealed value needs the encryption key "${id}", which is not configured`)
      const start = 2 + idLength
      const nonce = sealed.subarray(start, start + nonceLength)
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagLength })
      decipher.setAAD(Buffer.concat([sealed.subarray(0, start), Buffer.from(context)]))
      decipher.setAuthTag(sealed.subarray(start + 12, start + 28))
      const body = Buffer.concat([decipher.update(sealed.subarray(start + 28)), decipher.final()])
      return (kind === compressed ? zstdDecompressSync(body) : body).toString()
    },
    fingerprint: (text) => createHmac('sha256', hashKey).update(text).digest(),
  }
}

export function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** A random, URL-safe secret of 256 bits. */
export function randomSecret(): string {
  return randomBytes(32).toString('base64url')
}
