/** Milliseconds of the machine's own clock, which never steps back and is the same in all processes of one machine. */
export const clock = (): number => Number(process.hrtime.bigint()) / 1e6
