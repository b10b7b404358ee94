/** The memory plan of one text encoder in one isolate: every region, before anything is allocated. */
import { denseScratchBytes } from '../../cache/geometry.ts';
import type { EncoderManifest } from '../../manifest/manifest.ts';
import { panelBytes } from '../../ops/ops.ts';
import { SLICE_ROWS } from './layers.ts';
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
  | ('scratch' | 'slice' | 'slicePanels' | 'wide' | 'widePanels');

export interface EncoderPlan extends MemoryLayout<EncoderRegionName> {
  /** Tokens a pass has room for. */
  readonly nRow: number;
}

/** The part of a manifest that the plan depends on. */
export type PlannableEncoder = Pick<EncoderManifest, 'config'> & PlannableShards;

/** @throws {EngineError} E_MEMORY_BUDGET with the numbers when the plan does not fit. */
export function planEncoder(manifest: PlannableEncoder, options: BudgetOptions = {}): EncoderPlan {
  const { config: c } = manifest;
  const nRow = Math.max(PASS_TOKENS, c.nCtx);
  const whole = nRow * rowStride(c.nEmbd) * 4;
  const lasting: RegionSizes<EncoderRegionName> = {
    hidden: whole,
    queries: whole,
    keys: whole,
    values: whole,
    attended: whole,
    scratch: denseScratchBytes(nRow, c.nEmbd / c.nHead),
    slice: SLICE_ROWS * rowStride(c.nEmbd) * 4,
    slicePanels: panelBytes(SLICE_ROWS, c.nEmbd),
    wide: SLICE_ROWS * rowStride(c.nFf) * 4,
    widePanels: panelBytes(SLICE_ROWS, c.nFf),
  };
  const layout = layOut<EncoderRegionName>(manifest, { lasting, phases: {} }, options);
  refuseOverBudget(manifest, layout);
  return { nRow, ...layout };
}
