/** What offices were asked to reach, with who asked: a figure is shown beside each, and none of them decides anything. */
export interface Target {
  readonly percent: number
  readonly source: string
}

/** Online services integrated with the national portal, of all online services. */
export const integrationTargets: readonly Target[] = [
  { percent: 30, source: 'Kon Tum 2020' },
  { percent: 50, source: 'Hà Nam 2021' },
]

/** Procedure codes that match the national database, of all codes in use. */
export const matchTarget: Target = { percent: 100, source: 'Hà Nam 2021' }
