/** Rows of a pass that go through the stages of a ring together. */
import { startOf, writesPrefix } from './contract.ts';
import type { BatchPart, PositionInput } from './contract.ts';
import type { PartPlace } from './decoder.ts';
import { CHUNK_TOKENS } from './plan.ts';

/** Waves a pass may have for each stage of a ring whose stages run at the same time. */
export const WAVES_PER_STAGE = 2;

/** Rows of a pass that go through the stages together. */
export interface Wave {
  readonly places: PartPlace[];
  /** Rows whose logits are wanted, in order. */
  readonly wanted: Wanted[];
  /** Inputs of all places, one after the other, and their positions. */
  readonly inputs: PositionInput[];
  readonly positions: number[];
  /** For each stage that holds layers: fulfilled once the wave has been sent there. */
  readonly sent: readonly PromiseWithResolvers<void>[];
}

export interface Wanted {
  readonly part: number;
  readonly index: number;
  readonly onlyTop: boolean;
}

/**
 * Rows of the parts in order, cut where a stage has its fill.
 * @param nStage stages that hold layers
 * @param overlap whether they compute at the same time
 */
export function wavesOf(parts: readonly BatchPart[], nStage: number, overlap: boolean): Wave[] {
  const nRow = parts.reduce((sum, { inputs }) => sum + inputs.length, 0);
  const size = overlap ? waveRows(nRow, nStage) : CHUNK_TOKENS;
  const waves: Wave[] = [];
  let room = 0;
  for (const [p, part] of parts.entries())
    for (let at = 0; at < part.inputs.length;) {
      if (room === 0) {
        const sent = Array.from({ length: nStage }, () => Promise.withResolvers<void>());
        waves.push({ places: [], wanted: [], inputs: [], positions: [], sent });
        room = size;
      }
      const n = Math.min(room, part.inputs.length - at);
      addRows(waves.at(-1), p, part, at, n);
      at += n;
      room -= n;
    }
  return waves;
}

/**
 * Rows of each wave of a pass of `nRow` where stages overlap: as few as keep all of them busy, since reading
 * the weights once for several rows gains less than it keeps stages waiting.
 */
export function waveRows(nRow: number, nStage: number): number {
  return Math.min(CHUNK_TOKENS, Math.ceil(nRow / (WAVES_PER_STAGE * nStage)));
}

/** Adds `n` rows of part `p`, from row `at` of it on, to a wave. */
function addRows(wave: Wave, p: number, part: BatchPart, at: number, n: number): void {
  const { sequence, slot, adapter, inputs, onlyTop = false } = part;
  const start = startOf(part) + at;
  const logitsFrom = Math.min(Math.max(0, part.logitsFrom - at), n);
  const place = { start, nRow: n, pages: sequence.pages, slot, adapter, logitsFrom };
  wave.places.push(at === 0 && writesPrefix(part) ? { ...place, writesPrefix: true } : place);
  wave.inputs.push(...inputs.slice(at, at + n));
  for (let i = 0; i < n; i++) {
    wave.positions.push(start + i);
    if (i >= logitsFrom) wave.wanted.push({ part: p, index: at + i, onlyTop });
  }
}
