/** The memory plan of one vision tower in one isolate: every region and its address, before anything is allocated. */
import { denseScratchBytes } from '../../cache/geometry.ts';
import type { TowerManifest } from '../../manifest/manifest.ts';
import { patchValues, towerPatches } from '../../manifest/tower-config.ts';
import type { TowerConfig } from '../../manifest/tower-config.ts';
import { panelBytes } from '../../ops/ops.ts';
import { SLICE_ROWS } from '../encoder/layers.ts';
import { layOut, refuseOverBudget, rowStride } from '../memory/layout.ts';
import type { BudgetOptions, MemoryLayout, PlannableShards } from '../memory/layout.ts';

/** Squares that may wait for another to end: each holds its pixels. */
export const MAX_WAITING_SQUARES = 8;
/** Rows that the connector makes at once: each reads many patches. */
export const CONNECTOR_ROWS = 16;

export type TowerRegionName =
  | ('hidden' | 'queries' | 'keys' | 'values' | 'attended' | 'scratch')
  | ('slice' | 'slicePanels' | 'wide' | 'widePanels')
  | ('read' | 'readPanels' | 'inside' | 'insidePanels' | 'out');

export interface TowerPlan extends MemoryLayout<TowerRegionName> {
  /** Rows of a square: its patches, and what may stand before them. */
  readonly nRow: number;
}

/** The part of a manifest that the plan depends on. */
export type PlannableTower = Pick<TowerManifest, 'architecture' | 'config'> & PlannableShards;

/** Values that a row of the connector reads. */
export function mergedValues({ nEmbd, connector }: TowerConfig): number {
  return nEmbd * connector.factor ** 2;
}

/** @throws {EngineError} E_MEMORY_BUDGET with the numbers when the plan does not fit. */
export function planTower(manifest: PlannableTower, options: BudgetOptions = {}): TowerPlan {
  const { config: c } = manifest;
  // Room for the row that some families have before the patches.
  const nRow = towerPatches(c) + 1;
  const { nHidden = 0, nOut } = c.connector;
  const whole = nRow * rowStride(c.nEmbd) * 4;
  const rowsOf = (n: number, width: number) => n * rowStride(width) * 4;
  const sliceOf = (width: number) => rowsOf(SLICE_ROWS, width);
  const [patch, merged] = [patchValues(c), mergedValues(c)];
  const largest = (bytesOf: (n: number, width: number) => number) =>
    Math.max(bytesOf(SLICE_ROWS, patch), bytesOf(CONNECTOR_ROWS, merged));
  const layout = layOut<TowerRegionName>(
    manifest,
    {
      lasting: {
        ...{ hidden: whole, queries: whole, keys: whole, values: whole, attended: whole },
        scratch: denseScratchBytes(nRow, c.nEmbd / c.nHead),
        slice: sliceOf(c.nEmbd),
        slicePanels: panelBytes(SLICE_ROWS, c.nEmbd),
        wide: sliceOf(c.nFf),
        widePanels: panelBytes(SLICE_ROWS, c.nFf),
        read: largest(rowsOf),
        readPanels: largest(panelBytes),
        inside: rowsOf(CONNECTOR_ROWS, nHidden),
        insidePanels: panelBytes(CONNECTOR_ROWS, nHidden),
        out: rowsOf(CONNECTOR_ROWS, nOut),
      },
      phases: {},
      besideBytes: (1 + MAX_WAITING_SQUARES) * c.side * c.side * 3,
    },
    options,
  );
  refuseOverBudget(manifest, layout);
  return { nRow, ...layout };
}
