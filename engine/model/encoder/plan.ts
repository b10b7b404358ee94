/** The memory plan of one text encoder in one isolate: every region, before anything is allocated. */
import { familyByName } from '../../archs/index.ts';
import { denseScratchBytes } from '../../cache/geometry.ts';
import type { EncoderManifest } from '../../manifest/manifest.ts';
import { panelBytes } from '../../ops/ops.ts';
import { lateSizes } from './late-interaction.ts';
import { SLICE_ROWS } from './layers.ts';
import { rotaryBytes } from './rotary.ts';
import { textShape } from './shape.ts';
import { layOut, refuseOverBudget, rowStride } from '../memory/layout.ts';
import type {
  BudgetOptions,
  MemoryLayout,
  PlannableShards,
  RegionSizes,
} from '../memory/layout.ts';

/** Tokens of a pass: several short texts, or one; a text that is longer is a pass of its own. */
export const PASS_TOKENS = 256;

export type EncoderRegionName =
  | ('hidden' | 'queries' | 'keys' | 'values' | 'attended')
  | ('scratch' | 'slice' | 'slicePanels' | 'wide' | 'widePanels')
  | ('gate' | 'ropeTables' | 'pooled' | 'pooledPanels')
  | ('lateQuery' | 'latePassage' | 'lateLargest');

export interface EncoderPlan extends MemoryLayout<EncoderRegionName> {
  /** Tokens a pass has room for. */
  readonly nRow: number;
}

/** The part of a manifest that the plan depends on. */
export type PlannableEncoder = Pick<EncoderManifest, 'architecture' | 'config'> & PlannableShards;

/** @throws {EngineError} E_MEMORY_BUDGET with the numbers when the plan does not fit; E_ARCH_UNKNOWN. */
export function planEncoder(manifest: PlannableEncoder, options: BudgetOptions = {}): EncoderPlan {
  const { config: c } = manifest;
  const family = familyByName('encoder', manifest.architecture);
  const { qWidth, kvWidth, headDim } = textShape(family, c);
  const nRow = Math.max(PASS_TOKENS, c.nCtx);
  const whole = (width: number) => nRow * rowStride(width) * 4;
  const sliceOf = (width: number) => SLICE_ROWS * rowStride(width) * 4;
  // Of the products after pooling: what one reads and what it gives.
  const hasHead = c.nDense !== undefined || c.nClass !== undefined;
  const pooledWidth = hasHead ? Math.max(c.nEmbd, c.nDense ?? 0, c.nClass ?? 0) : 0;
  const lasting: RegionSizes<EncoderRegionName> = {
    hidden: whole(c.nEmbd),
    queries: whole(qWidth),
    keys: whole(kvWidth),
    values: whole(kvWidth),
    attended: whole(qWidth),
    scratch: denseScratchBytes(nRow, headDim),
    slice: sliceOf(c.nEmbd),
    slicePanels: panelBytes(SLICE_ROWS, Math.max(c.nEmbd, qWidth)),
    wide: sliceOf(c.nFf),
    widePanels: panelBytes(SLICE_ROWS, c.nFf),
    gate: family.ffn.endsWith('-gated') ? sliceOf(c.nFf) : 0,
    ropeTables: rotaryBytes(c, headDim),
    pooled: 2 * rowStride(pooledWidth) * 4,
    pooledPanels: panelBytes(1, pooledWidth),
    ...lateSizes(c),
  };
  const layout = layOut<EncoderRegionName>(manifest, { lasting, phases: {} }, options);
  refuseOverBudget(manifest, layout);
  return { nRow, ...layout };
}
