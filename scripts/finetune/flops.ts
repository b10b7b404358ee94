/** Work of passes: multiplications and additions that learning an adapter cannot do without. */
import type { ModelConfig } from '../../engine/manifest/manifest.ts';
import { TARGETS, type Target, targetShape } from '../../engine/train/adapter/base.ts';
import type { Pass } from './adapter-training.ts';

export interface LearnedSizes {
  readonly rank: number;
  readonly targets: readonly Target[];
  /** Positions of a prefix, which stands in place of matrices. */
  readonly prefix?: number;
  /** Tokens that the loss compares; the vocabulary by default. */
  readonly nHead?: number;
}

/** Products forwards, and those of the slopes of what they read; weights of the base have none. */
export function passFlops(
  c: ModelConfig,
  { rank, targets, prefix = 0, nHead = c.nVocab }: LearnedSizes,
  { tokens, starts, trunks, picks }: Pick<Pass, 'tokens' | 'starts' | 'trunks' | 'picks'>,
): number {
  const nRow = tokens.length;
  const sizes = (names: readonly Target[], of: (nOut: number, nIn: number) => number): number =>
    names.reduce((sum, name) => {
      const { nOut, nIn } = targetShape(c, name);
      return sum + of(nOut, nIn);
    }, 0);
  const base = sizes(TARGETS, (nOut, nIn) => nOut * nIn);
  const lowRank = sizes(prefix === 0 ? targets : [], (nOut, nIn) => rank * (nOut + nIn));
  // What is before each row, and half of the square of each sequence, for two products forwards and four back.
  let squares = nRow * prefix;
  const rowsOf = (sequence: number): number => starts[sequence + 1]! - starts[sequence]!;
  for (let i = 0; i < starts.length - 1; i++) {
    const trunk = trunks?.[i] ?? i;
    squares += rowsOf(i) * (rowsOf(i) / 2 + (trunk === i ? 0 : rowsOf(trunk)));
  }
  const attention = 6 * 2 * squares * c.nHead * c.headDim;
  const layers = c.nLayer * (nRow * (4 * base + 6 * lowRank) + attention);
  return layers + 4 * picks.length * nHead * c.nEmbd;
}
