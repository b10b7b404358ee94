/**
 * The memory plan of one recognition model in one isolate: every region and its address, before
 * anything is allocated. Encoder and decoder run after each other and share their memory.
 */
import { MAX_SAMPLES } from '../../audio/log-mel.ts';
import { attendScratchBytes, kvGeometry, pagesFor } from '../../cache/geometry.ts';
import type { KvDtype, KvGeometry } from '../../cache/geometry.ts';
import type { RecognitionConfig } from '../../manifest/recognition-config.ts';
import type { RecognitionManifest } from '../../manifest/manifest.ts';
import { panelBytes } from '../../ops/ops.ts';
import { SLICE_ROWS } from '../encoder/layers.ts';
import { layOut, refuseOverBudget, rowStride } from '../memory/layout.ts';
import type {
  BudgetOptions,
  MemoryLayout,
  PlannableShards,
  RegionSizes,
} from '../memory/layout.ts';

/** Tokens of text evaluated in one pass. */
export const TEXT_ROWS = 48;
/** Rows of logits that are in memory at a time. */
export const LOGIT_ROWS = 4;
/** Positions of audio that go through a product together: the workspace does not grow with the audio. */
export const AUDIO_ROWS = SLICE_ROWS;

/** Transcriptions that may wait for another to end: each holds its samples. */
export const MAX_WAITING = 3;
/** Samples of the one that runs and of those that wait, beside the memory of the kernels. */
const SAMPLE_BYTES = (1 + MAX_WAITING) * MAX_SAMPLES * 4;

export type RecognitionPhase = 'encode' | 'decode';

type LastingName = 'crossPages' | 'crossTable' | 'selfPages' | 'selfTable';
type EncodeName =
  | ('mel' | 'frames' | 'windowPanels' | 'audio' | 'rowsIn')
  | ('rowsInPanels' | 'rowsOut' | 'rowsWide' | 'rowsWidePanels');
type DecodeName =
  | ('hidden' | 'normed' | 'normedPanels' | 'queries' | 'keys' | 'values' | 'attended')
  | ('attendedPanels' | 'attendScratch' | 'up' | 'upPanels' | 'logits');
export type RecognitionRegionName = LastingName | EncodeName | DecodeName;

export interface RecognitionPlan extends MemoryLayout<RecognitionRegionName, RecognitionPhase> {
  readonly kv: KvGeometry;
  readonly nCrossPage: number;
  readonly nSelfPage: number;
}

/** The part of a manifest that the plan depends on. */
export type PlannableRecognition = Pick<RecognitionManifest, 'preset' | 'config'> & PlannableShards;

export interface RecognitionPlanOptions extends BudgetOptions {
  /** Type of cached keys and values; by default f16 for lossless models, else q8. */
  kvDtype?: KvDtype;
}

/** @throws {EngineError} E_MEMORY_BUDGET with the numbers when the plan does not fit. */
export function planRecognition(
  manifest: PlannableRecognition,
  options: RecognitionPlanOptions = {},
): RecognitionPlan {
  const { config: c } = manifest;
  const kvDtype = options.kvDtype ?? (manifest.preset === 'lossless' ? 'f16' : 'q8');
  const shape = { nLayer: c.nTextLayer, nKvHead: c.nHead, headDim: c.nEmbd / c.nHead };
  const kv = kvGeometry(kvDtype, shape);
  const [nCrossPage, nSelfPage] = [pagesFor(c.nAudioCtx), pagesFor(c.nTextCtx)];
  const lasting: RegionSizes<LastingName> = {
    crossPages: nCrossPage * kv.pageBytes,
    crossTable: nCrossPage * 4,
    selfPages: nSelfPage * kv.pageBytes,
    selfTable: nSelfPage * 4,
  };
  const layout = layOut<RecognitionRegionName, RecognitionPhase>(
    manifest,
    {
      lasting,
      phases: { encode: encodeSizes(c, kv), decode: decodeSizes(c, kv) },
      besideBytes: SAMPLE_BYTES,
    },
    options,
  );
  refuseOverBudget(manifest, layout, () => ({
    beside: `cached keys and values ${lasting.crossPages + lasting.selfPages}`,
  }));
  return { kv, nCrossPage, nSelfPage, ...layout };
}

/** Frames of features that make one position of audio: the second convolution has a stride of two. */
export const FRAMES_PER_POSITION = 2;
/** Neighbours a convolution looks at. */
export const CONV_TAPS = 3;

function encodeSizes(c: RecognitionConfig, kv: KvGeometry): RegionSizes<EncodeName> {
  const nFrame = FRAMES_PER_POSITION * c.nAudioCtx;
  const row = rowStride(c.nEmbd) * 4;
  const frames = FRAMES_PER_POSITION * AUDIO_ROWS + 1;
  return {
    // A row of zeros before and after, and what a block reads beyond the last.
    mel: ((nFrame + 2) * c.nMels + 32) * 4,
    frames: frames * row + 128,
    windowPanels: Math.max(
      panelBytes(frames, CONV_TAPS * c.nMels),
      panelBytes(AUDIO_ROWS, CONV_TAPS * c.nEmbd),
    ),
    audio: c.nAudioCtx * row,
    rowsIn: AUDIO_ROWS * row,
    rowsInPanels: panelBytes(AUDIO_ROWS, c.nEmbd),
    rowsOut: 2 * AUDIO_ROWS * row,
    // Also one head's queries and their results, and the scratch of attention.
    rowsWide: Math.max(
      AUDIO_ROWS * rowStride(c.nFf) * 4,
      2 * AUDIO_ROWS * (c.nEmbd / c.nHead) * 4 + attendScratchBytes(kv, AUDIO_ROWS),
    ),
    rowsWidePanels: panelBytes(AUDIO_ROWS, c.nFf),
  };
}

function decodeSizes(c: RecognitionConfig, kv: KvGeometry): RegionSizes<DecodeName> {
  const rows = (width: number) => TEXT_ROWS * rowStride(width) * 4;
  return {
    hidden: rows(c.nEmbd),
    normed: rows(c.nEmbd),
    normedPanels: panelBytes(TEXT_ROWS, c.nEmbd),
    queries: rows(c.nEmbd),
    keys: rows(c.nEmbd),
    values: rows(c.nEmbd),
    attended: rows(c.nEmbd),
    attendedPanels: panelBytes(TEXT_ROWS, c.nEmbd),
    attendScratch: attendScratchBytes(kv, c.nHead),
    up: rows(c.nFf),
    upPanels: panelBytes(TEXT_ROWS, c.nFf),
    logits: LOGIT_ROWS * rowStride(c.nVocab) * 4,
  };
}
