/** Runs a text through a model and adds up the squares of the inputs of each matrix. */
import type { Engine } from '../../engine/generate/engine.ts';

interface ColumnSum {
  readonly squares: Float64Array;
  nRow: number;
}

/**
 * Mean square of every column's input over all positions, by the tensors' names in the manifest.
 * @param widths columns of each tensor without padding; inputs are padded beyond them.
 */
export async function measureColumns(
  engine: Engine,
  windows: readonly (readonly number[])[],
  widths: ReadonlyMap<string, number>,
  signal: AbortSignal,
  onWindow?: (done: number) => void,
): Promise<Map<string, Float32Array>> {
  const sums = new Map<string, ColumnSum>();
  engine.observeInputs((tensor, x, nTok, stride) => {
    const nCol = widths.get(tensor);
    if (nCol === undefined) return;
    let sum = sums.get(tensor);
    if (sum === undefined) sums.set(tensor, (sum = { squares: new Float64Array(nCol), nRow: 0 }));
    const { squares } = sum;
    for (let t = 0; t < nTok; t++)
      for (let col = 0; col < nCol; col++) squares[col]! += x[t * stride + col]! ** 2;
    sum.nRow += nTok;
  });
  try {
    for (const [i, tokens] of windows.entries()) {
      await engine.evaluate(tokens, () => {}, signal);
      onWindow?.(i + 1);
    }
  } finally {
    engine.observeInputs(null);
  }
  return new Map(
    [...sums].map(([name, { squares, nRow }]) => [
      name,
      Float32Array.from(squares, (square) => square / nRow),
    ]),
  );
}
