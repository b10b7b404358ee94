/** The memory plan of one encoder of text in one isolate: every region, before anything is allocated. */
import { roundUp } from '../../base/dtypes.ts';
import { EngineError } from '../../base/errors.ts';
import { denseScratchBytes } from '../../cache/geometry.ts';
import type { EncoderManifest } from '../../manifest/manifest.ts';
import { KERNEL_STATIC_BYTES, WASM_PAGE_BYTES } from '../../kernels/wasm/module.ts';
import { panelBytes } from '../../ops/ops.ts';
import { SLICE_ROWS } from './layers.ts';
import { ISOLATE_BYTES, JS_HEAP_BYTES, rowStride } from '../decoder/plan.ts';

/** Tokens of a pass: several short texts, or one; a text that is longer is a pass of its own. */
export const PASS_TOKENS = 256;

const REGION_ALIGN = 64;

const NAMES = [
  ...(['kernels', 'weights', 'hidden', 'queries', 'keys', 'values', 'attended'] as const),
  ...(['scratch', 'slice', 'slicePanels', 'wide', 'widePanels'] as const),
];
export type EncoderRegionName = (typeof NAMES)[number];

export interface EncoderPlan {
  /** Tokens a pass has room for. */
  readonly nRow: number;
  readonly regions: Readonly<
    Record<EncoderRegionName, { readonly address: number; readonly bytes: number }>
  >;
  /** Start of each shard in memory, in the manifest's order. */
  readonly shardAddresses: readonly number[];
  readonly wasmBytes: number;
  readonly jsHeapBytes: number;
  readonly totalBytes: number;
  readonly budgetBytes: number | null;
}

/** What of a manifest the plan depends on. */
export type PlannableEncoder = Pick<EncoderManifest, 'id' | 'config'> & {
  readonly shards: readonly { readonly bytes: number }[];
};

export interface EncoderPlanOptions {
  /** Bytes for WebAssembly memory and JavaScript heap; null plans without a limit (native hosts). */
  memoryBudgetBytes?: number | null;
}

/** @throws {EngineError} E_MEMORY_BUDGET with the numbers when the plan does not fit. */
export function planEncoder(
  manifest: PlannableEncoder,
  options: EncoderPlanOptions = {},
): EncoderPlan {
  const { config: c } = manifest;
  const nRow = Math.max(PASS_TOKENS, c.nCtx);
  const shardBytes = manifest.shards.map(({ bytes }) => roundUp(bytes, REGION_ALIGN));
  const whole = nRow * rowStride(c.nEmbd) * 4;
  const sizes: Record<EncoderRegionName, number> = {
    kernels: KERNEL_STATIC_BYTES,
    weights: shardBytes.reduce((sum, bytes) => sum + bytes, 0),
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
  const regions = {} as Record<EncoderRegionName, { address: number; bytes: number }>;
  let address = 0;
  for (const name of NAMES) {
    regions[name] = { address, bytes: sizes[name] };
    address += roundUp(sizes[name], REGION_ALIGN);
  }
  let shardAt = regions.weights.address;
  const shardAddresses = shardBytes.map((bytes) => (shardAt += bytes) - bytes);
  const wasmBytes = roundUp(address, WASM_PAGE_BYTES);
  const totalBytes = wasmBytes + JS_HEAP_BYTES;
  const budgetBytes =
    options.memoryBudgetBytes === undefined ? ISOLATE_BYTES : options.memoryBudgetBytes;
  if (budgetBytes !== null && totalBytes > budgetBytes)
    throw new EngineError(
      'E_MEMORY_BUDGET',
      `memory plan: ${manifest.id} needs ${totalBytes} bytes (weights ${sizes.weights}), the budget ` +
        `is ${budgetBytes}. Import with a smaller preset (--preset edge), or use a smaller model.`,
      { details: { totalBytes, budgetBytes, weightBytes: sizes.weights } },
    );
  const jsHeapBytes = JS_HEAP_BYTES;
  return { nRow, regions, shardAddresses, wasmBytes, jsHeapBytes, totalBytes, budgetBytes };
}
