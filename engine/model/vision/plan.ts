/** The memory plan of one image encoder in one isolate: every region and its address, before anything is allocated. */
import type { VisionManifest } from '../../manifest/manifest.ts';
import type { VisionConfig } from '../../manifest/vision-config.ts';
import { panelBytes } from '../../ops/ops.ts';
import { layOut, refuseOverBudget, rowStride } from '../memory/layout.ts';
import type { BudgetOptions, MemoryLayout, PlannableShards } from '../memory/layout.ts';
import { STEM_STRIDE, STEM_VALUES } from './tensors.ts';

/** Positions that go through a product together: what they read and write stays in the cache. */
export const VISION_ROWS = 224;
/** Pictures that may wait for another to end: each holds its pixels. */
export const MAX_WAITING_PICTURES = 64;

export type VisionRegionName =
  'even' | 'odd' | 'wide' | 'narrowed' | 'rows' | 'panels' | 'scores' | 'eyes';
export type VisionPlan = MemoryLayout<VisionRegionName>;
export type PlannableVision = Pick<VisionManifest, 'config'> & PlannableShards;

export interface VisionPlanOptions extends BudgetOptions {
  /** Room for eyes of a language model (`eyesBytes`); none by default. */
  readonly eyesBytes?: number;
}

/** Sides and widths of a block's maps. */
export interface BlockShape {
  readonly side: number;
  readonly outSide: number;
  readonly nIn: number;
  readonly nWide: number;
  readonly nOut: number;
}

/** Sides after a convolution with zeros around it, so that every position of the input counts. */
export function sideAfter(side: number, stride: number): number {
  return Math.ceil(side / stride);
}

export function blockShapes({ side, nStem, blocks }: VisionConfig): BlockShape[] {
  let at = sideAfter(side, STEM_STRIDE);
  let nIn = nStem;
  return blocks.map(({ nWide, nOut, stride }) => {
    const shape = { side: at, outSide: sideAfter(at, stride), nIn, nWide, nOut };
    [at, nIn] = [shape.outSide, nOut];
    return shape;
  });
}

/** @throws {EngineError} E_MEMORY_BUDGET with the numbers when the plan does not fit. */
export function planVision(manifest: PlannableVision, options: VisionPlanOptions = {}): VisionPlan {
  const { config: c } = manifest;
  const shapes = blockShapes(c);
  const stemSide = sideAfter(c.side, STEM_STRIDE);
  const map = (side: number, width: number) => side * side * rowStride(width) * 4;
  const most = (sizes: readonly number[]) => Math.max(...sizes);
  const lastSide = shapes.at(-1)?.outSide ?? stemSide;
  const narrow = most([
    map(stemSide, c.nStem),
    ...shapes.map(({ outSide, nOut }) => map(outSide, nOut)),
  ]);
  const widest = most([c.nFeature, STEM_VALUES, ...c.blocks.map(({ nWide }) => nWide)]);
  const layout = layOut<VisionRegionName>(
    manifest,
    {
      lasting: {
        even: narrow,
        odd: narrow,
        wide: most([
          map(lastSide, c.nFeature),
          ...shapes.map(({ side, nWide }) => map(side, nWide)),
        ]),
        narrowed: most(shapes.map(({ outSide, nWide }) => map(outSide, nWide))),
        rows: VISION_ROWS * rowStride(STEM_VALUES) * 4 + rowStride(c.nFeature) * 4,
        panels: panelBytes(VISION_ROWS, widest),
        scores: rowStride(c.labels.length) * 4,
        eyes: options.eyesBytes ?? 0,
      },
      phases: {},
      besideBytes: (1 + MAX_WAITING_PICTURES) * c.side * c.side * 3,
    },
    options,
  );
  refuseOverBudget(manifest, layout);
  return layout;
}
