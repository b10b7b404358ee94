/** Rows of texts as columns of equal width, for terminals. */

/** @param rights columns that are aligned to the right, by their index */
export function textTable(
  rows: readonly (readonly string[])[],
  rights: ReadonlySet<number> = new Set(),
): string[] {
  const widths = (rows[0] ?? []).map((_, i) =>
    Math.max(...rows.map((cells) => (cells[i] ?? '').length)),
  );
  return rows.map((cells) =>
    cells
      .map((cell, i) => (rights.has(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}
