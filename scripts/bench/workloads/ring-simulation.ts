/**
 * What a model over several isolates gives where each has a core of its own, as in a deployment: this
 * machine has too few cores to show it. Times of each piece are measured here, one piece at a time; how they
 * overlap is computed with the waves of engine/model/decoder/ring.ts.
 *
 * Assumed: a call between isolates takes HOP_MS and HOP_MS_PER_BYTE (measured between objects of two scripts in
 * workerd; a deployment may be slower or faster), isolates do not slow each other down, and the leader's own
 * work beside its piece is nothing.
 */
import { join } from 'node:path';
import { requireKind } from '../../../engine/manifest/manifest.ts';
import type { DecoderManifest } from '../../../engine/manifest/manifest.ts';
import type { PlacedPiece } from '../../../engine/manifest/placement.ts';
import { loadDecoder } from '../../../engine/model/decoder/load-decoder.ts';
import { isEmpty, pieceOf, wholeRange } from '../../../engine/model/decoder/piece.ts';
import type { PieceRange } from '../../../engine/model/decoder/piece.ts';
import { CHUNK_TOKENS, MAX_SEQUENCES } from '../../../engine/model/decoder/plan.ts';
import { waveRows } from '../../../engine/model/decoder/waves.ts';
import { DecoderStage, warmUpStage } from '../../../engine/model/decoder/stage.ts';
import { assign } from '../../../engine/placement/assign.ts';
import { emptyPlacement } from '../../../engine/placement/changes.ts';
import { modelsDir } from '../../lib/paths.ts';
import { loadKernelModules } from '../../node-host/kernels.ts';
import { FileModelSource } from '../../node-host/model-files.ts';
import { readImported } from '../../push/push.ts';
import { spread } from '../report/statistics.ts';

/** Milliseconds of a call to another isolate and back, without and for each byte it carries. */
const HOP_MS = 0.22;
const HOP_MS_PER_BYTE = 2.5e-6;
/** Rows whose times are measured; others lie between. */
const ROWS = [1, 2, 4, 8, 12, 16, 24, 32, CHUNK_TOKENS];
const ROUNDS = 7;
/** Tokens that each measured sequence has before the measured rows. */
const CONTEXT = 128;
const STREAMS = 8;
const PREFILL = 512;

/** Milliseconds for a number of rows. */
export type RowCosts = (nRow: number) => number;

export interface StageCosts {
  /** Through its layers; null for a stage without. */
  readonly layers: RowCosts | null;
  /** Onto its rows of the vocabulary; null for a stage without. */
  readonly head: RowCosts | null;
  /** Whether it is the leader's own, called without a hop. */
  readonly isLocal: boolean;
}

export interface RingSimulation {
  readonly model: string;
  readonly isolates: number;
  readonly contextTokens: number;
  /** Milliseconds of one row: of each stage's layers, and of each stage's rows of the head. */
  readonly layerMs: readonly number[];
  readonly headMs: readonly number[];
  /** Tokens a second of one stream, of eight, and of a prompt of 512, with a core a stage. */
  readonly ring: { readonly one: number; readonly eight: number; readonly prefill: number };
  /** The same in one large isolate with one core. */
  readonly large: { readonly one: number; readonly eight: number; readonly prefill: number };
  readonly eightAgainstOne: number;
  readonly prefillAgainstLarge: number;
}

export async function simulateRing(
  id: string,
  note: (text: string) => void,
): Promise<RingSimulation> {
  const dir = join(modelsDir(), id);
  const manifest = requireKind((await readImported(dir, id)).manifest, 'decoder');
  const placed = assign(emptyPlacement({ nIsolate: 64 }), manifest, '0'.repeat(16));
  const { pieces } = placed.replicas[0]!;
  const stages: StageCosts[] = [];
  for (const [i, piece] of pieces.entries()) {
    note(`isolate ${i} of ${pieces.length}`);
    stages.push(await measurePiece(dir, manifest, piece, i === 0));
  }
  note('one large isolate');
  const whole = await measurePiece(dir, manifest, wholeRange(manifest.config), true);
  const rowBytes = manifest.config.nEmbd * 4;
  const rate = (costs: readonly StageCosts[], nRow: number, nShown: number) =>
    (nRow / passMs(costs, nRow, nShown, rowBytes)) * 1000;
  const of = (costs: readonly StageCosts[]) => ({
    one: rate(costs, 1, 1),
    eight: rate(costs, STREAMS, STREAMS),
    prefill: rate(costs, PREFILL, 1),
  });
  const [ring, large] = [of(stages), of([whole])];
  return {
    ...{ model: id, isolates: pieces.length, contextTokens: placed.nCtx ?? 0, ring, large },
    layerMs: stages.flatMap(({ layers }) => (layers === null ? [] : [layers(1)])),
    headMs: stages.flatMap(({ head }) => (head === null ? [] : [head(1)])),
    eightAgainstOne: ring.eight / ring.one,
    prefillAgainstLarge: ring.prefill / large.prefill,
  };
}

/**
 * Milliseconds of one pass of `nRow` rows of which the last `nShown` want logits: waves go through the
 * stages one after the other, and each stage takes them in order.
 */
export function passMs(
  stages: readonly StageCosts[],
  nRow: number,
  nShown: number,
  rowBytes: number,
): number {
  const hop = (stage: StageCosts, bytes: number): number =>
    stage.isLocal ? 0 : HOP_MS + HOP_MS_PER_BYTE * bytes;
  const layered = stages.filter(({ layers }) => layers !== null);
  const heads = stages.filter(({ head }) => head !== null);
  const freeAt = new Map(stages.map((stage) => [stage, 0]));
  /** Runs `ms` of work on a stage once it and the caller are ready. */
  const run = (stage: StageCosts, readyAt: number, ms: number, bytes: number): number => {
    const start = Math.max(freeAt.get(stage)!, readyAt + hop(stage, bytes) / 2);
    freeAt.set(stage, start + ms);
    return start + ms + hop(stage, bytes) / 2;
  };
  const sizes = waveSizes(nRow, layered.length);
  const embedded = Math.max(...heads.map((stage) => hop(stage, nRow * rowBytes)));
  let before = nRow;
  // Waves are begun in order: each goes as far as it can before the next is looked at.
  const ends = sizes.map((size) => {
    const shown = Math.max(0, Math.min(size, nShown - (before - size)));
    before -= size;
    let at = embedded;
    for (const stage of layered) at = run(stage, at, stage.layers!(size), size * rowBytes);
    if (shown === 0) return at;
    return Math.max(...heads.map((stage) => run(stage, at, stage.head!(shown), shown * rowBytes)));
  });
  return Math.max(...ends);
}

/** Rows of each wave, as RingDecoder cuts them where stages overlap. */
function waveSizes(nRow: number, nStage: number): number[] {
  const size = waveRows(nRow, nStage);
  return Array.from({ length: Math.ceil(nRow / size) }, (_, i) => Math.min(size, nRow - i * size));
}

async function measurePiece(
  dir: string,
  manifest: DecoderManifest,
  range: PieceRange | PlacedPiece,
  isLocal: boolean,
): Promise<StageCosts> {
  const piece = pieceOf(manifest, { layers: range.layers, rows: range.rows });
  const source = new FileModelSource(dir, manifest);
  const options = { memoryBudgetBytes: null, piece };
  const { decoder } = await loadDecoder(source, await loadKernelModules(), options);
  const stage = new DecoderStage('measured', decoder);
  warmUpStage(stage);
  const random = (nRow: number) =>
    Float32Array.from({ length: nRow * stage.hiddenStride }, (_, i) => Math.sin(i * 12.9898) * 2);
  return {
    isLocal,
    layers: isEmpty(piece.layers)
      ? null
      : measureRows((nRow) => {
          stage.open('bench');
          const rows = random(nRow);
          const places = placesOf(nRow);
          return () =>
            stage.layers({ session: 'bench', nPass: nPasses++, copies: [], places, rows });
        }),
    head: isEmpty(piece.rows)
      ? null
      : measureRows((nRow) => {
          const rows = random(nRow);
          const onlyTop = Array.from({ length: nRow }, () => true);
          return () => stage.head({ rows, onlyTop });
        }),
  };
}

/** Passes of the session that is open. */
let nPasses = 0;

/** One row each of as many sequences as there are, the rest as one prompt. */
function placesOf(nRow: number): PlaceOfRows[] {
  nPasses = 0;
  const nSequence = Math.min(nRow, STREAMS, MAX_SEQUENCES);
  const nPage = CONTEXT / 32 + 2;
  return Array.from({ length: nSequence }, (_, slot) => {
    const isLast = slot === nSequence - 1;
    const pages = Array.from({ length: nPage }, (_page, i) => (slot * nPage + i) % 64);
    const n = isLast ? nRow - nSequence + 1 : 1;
    return { start: CONTEXT, nRow: n, pages, slot, logitsFrom: 0, adapter: null };
  });
}

type PlaceOfRows = Parameters<DecoderStage['layers']>[0]['places'][number];

function measureRows(prepare: (nRow: number) => () => unknown): RowCosts {
  const times = ROWS.map((nRow) => {
    const run = prepare(nRow);
    run();
    return spread(
      Array.from({ length: ROUNDS }, () => {
        const startedAt = performance.now();
        run();
        return performance.now() - startedAt;
      }),
    ).median;
  });
  return (nRow) => {
    const above = ROWS.findIndex((rows) => rows >= nRow);
    const [a, b] = [ROWS[above - 1] ?? 0, ROWS[above]!];
    const [from, to] = [times[above - 1] ?? 0, times[above]!];
    return a === 0 ? to : from + ((to - from) * (nRow - a)) / (b - a);
  };
}

export function describeSimulation(s: RingSimulation): string {
  const line = (name: string, { one, eight, prefill }: RingSimulation['ring']) =>
    `${name.padEnd(26)}${one.toFixed(1).padStart(9)}${eight.toFixed(1).padStart(11)}${prefill.toFixed(1).padStart(14)}\n`;
  return (
    `${s.model} over ${s.isolates} isolates (tokens a second)\n` +
    `${''.padEnd(26)}${'1 stream'.padStart(9)}${'8 streams'.padStart(11)}${'prefill 512'.padStart(14)}\n` +
    line('a core an isolate (sim.)', s.ring) +
    line('one large isolate', s.large) +
    `8 streams against 1: ${s.eightAgainstOne.toFixed(2)}x; prefill against one large isolate: ${s.prefillAgainstLarge.toFixed(2)}x\n`
  );
}
