/** What several look at is read once: the same answer for all who ask within so many milliseconds. A failure is not kept. */
export function shared<T>(read: () => Promise<T>, milliseconds: number): () => Promise<T> {
  let held: { readonly at: number; readonly value: Promise<T> } | undefined
  return () => {
    if (held && performance.now() - held.at < milliseconds) return held.value
    const value = read()
    held = { at: performance.now(), value }
    value.catch(() => {
      if (held?.value === value) held = undefined
    })
    return value
  }
}
