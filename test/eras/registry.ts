// Which test proves which cell of the matrix; the gate in eras.test.ts fails when a cell has none.
import type { Cell } from './cell.ts'
import { type CellId, cells, rows } from './rows.ts'

export interface Proof {
  readonly row: string
  readonly cell: CellId
  readonly title: string
  readonly run: (cell: Cell) => Promise<void>
}

export const proofs: Proof[] = []

/** Cites a row for some cells; the same steps run in each. */
export function proves(
  row: string,
  of: readonly CellId[] | 'all',
  title: string,
  run: (cell: Cell) => Promise<void>,
): void {
  for (const cell of of === 'all' ? cells : of) proofs.push({ row, cell, title, run })
}

/** Cells of the matrix that no proof cites, and citations of cells that the matrix says do not exist. */
export function gaps(): { readonly uncited: string[]; readonly unknown: string[] } {
  const uncited: string[] = []
  const unknown: string[] = []
  for (const { id, verdicts } of rows)
    for (const cell of cells) {
      const cited = proofs.some((proof) => proof.row === id && proof.cell === cell)
      if (verdicts[cell] === 'none' && cited) unknown.push(`${id} ${cell}`)
      if (verdicts[cell] !== 'none' && !cited) uncited.push(`${id} ${cell}`)
    }
  for (const { row } of proofs) if (!rows.some(({ id }) => id === row)) unknown.push(row)
  return { uncited, unknown }
}
