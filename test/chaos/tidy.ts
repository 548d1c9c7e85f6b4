/** What must not outlive the run, however it ends: asked for synchronously, newest first, when the process goes. */
const last: { readonly undo: () => void }[] = []

/** Registers a synchronous last resort; the returned word takes it back when the orderly way was gone. */
export function atTheEnd(undo: () => void): () => void {
  if (last.length === 0) process.once('exit', undoAll)
  const entry = { undo }
  last.push(entry)
  return () => {
    const place = last.indexOf(entry)
    if (place >= 0) last.splice(place, 1)
  }
}

function undoAll(): void {
  for (const { undo } of last.toReversed()) {
    try {
      undo()
    } catch {
      // The next one still must be asked.
    }
  }
}
