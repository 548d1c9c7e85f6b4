const mark = '•••'
const longest = 500
const email = /[^\s@<>"'(),;:]+@[^\s@<>"'(),;:]+\.[^\s@<>"'(),;:.]+/gu
/** Phone and identity numbers. Dossier, procedure and organisation codes have shorter runs and survive. */
const digits = /(?<!\d)\d{9,12}(?!\d)/g
const spacedPhone = /(?<![\w.-])(?:\+84|0)\d{2,3}[ .]\d{3}[ .]\d{3,4}(?![\d.])/g

/** The portal's words without people in them: also without those whose values the call itself carried. */
export function maskMessage(message: string | null, personal: readonly string[]): string | null {
  if (message === null) return null
  // A text far longer than what is kept is cut first, so that masking stays cheap whatever the portal sends.
  const known = replaceAll(
    message
      .slice(0, longest * 4)
      .toWellFormed()
      .replaceAll(/\p{Cc}+/gu, ' ')
      .normalize('NFC'),
    personal,
  )
  const masked = known.replace(email, mark).replace(digits, mark).replace(spacedPhone, mark)
  return masked.length <= longest ? masked : `${masked.slice(0, longest - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}

function replaceAll(message: string, personal: readonly string[]): string {
  let text = message
  const lower = message.toLowerCase()
  for (const value of personal) {
    const plain = value.normalize('NFC').trim()
    // A call carries hundreds of values and hardly any answer repeats one: look before building a pattern.
    if (plain.length < 3 || !lower.includes(plain.toLowerCase())) continue
    const literal = plain.replaceAll(/[$()*+.?[\\\]^{|}]/g, String.raw`\$&`)
    text = text.replace(new RegExp(`(?<![\\p{L}\\d])${literal}(?![\\p{L}\\d])`, 'giu'), mark)
  }
  return text
}

/** A body as evidence, without the secrets that opened the door. */
export function redact(body: string, secrets: readonly string[]): string {
  let text = body.replaceAll(/("session"\s*:\s*)"(?:[^"\\]|\\.)*"/g, '$1"•"')
  for (const secret of secrets) {
    // A very short password would blacken half the page; nobody can tell it from ordinary text there.
    if (secret.length < 4) continue
    text = text.replaceAll(secret, '•').replaceAll(JSON.stringify(secret).slice(1, -1), '•')
  }
  return text
}
