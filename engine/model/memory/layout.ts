/**
 * Where everything of a model lies in the kernels' memory, before anything is allocated: kernels and
 * shards first, then what lasts, then the phases of a step, which follow each other in time and share
 * their place. Knows no kind of model: the plans of each kind say what they need.
 */
import { roundUp } from '../../base/dtypes.ts';
import { EngineError } from '../../base/errors.ts';
import { KERNEL_STATIC_BYTES, WASM_PAGE_BYTES } from '../../kernels/wasm/module.ts';
import { ISOLATE_BYTES, JS_HEAP_BYTES } from './budget.ts';

const REGION_ALIGN = 64;

/** Bytes of each region, in the order they are placed. */
export type RegionSizes<Name extends string> = Readonly<Record<Name, number>>;

/** Regions of every model. */
type SharedName = 'kernels' | 'weights';

export interface Region<Phase extends string = never> {
  readonly name: string;
  /** Null for regions that last over the whole step. */
  readonly phase: Phase | null;
  readonly address: number;
  readonly bytes: number;
}

export interface MemoryLayout<Name extends string, Phase extends string = never> {
  readonly regions: Readonly<Record<Name | SharedName, Region<Phase>>>;
  /** Start of each shard in memory, in the manifest's order; null for those that are not loaded. */
  readonly shardAddresses: readonly (number | null)[];
  readonly wasmBytes: number;
  readonly jsHeapBytes: number;
  readonly totalBytes: number;
  readonly budgetBytes: number | null;
}

/** The part of a manifest that every plan depends on: known before any shard is written. */
export interface PlannableShards {
  readonly id: string;
  readonly shards: readonly { readonly bytes: number }[];
}

/** Shards to load by their index in the manifest; without the list all. */
interface ShardChoice {
  readonly loaded?: readonly number[];
}

export interface BudgetOptions {
  /** Bytes for WebAssembly memory and JavaScript heap; null plans without a limit (native hosts). */
  memoryBudgetBytes?: number | null;
}

export interface LayoutParts<Name extends string, Phase extends string> {
  readonly lasting: RegionSizes<Name>;
  readonly phases: Readonly<Record<Phase, RegionSizes<Name>>>;
  /** Bytes that a model takes beside WebAssembly memory and the JavaScript heap that every model has. */
  readonly besideBytes?: number;
}

/** Row width in values: padded so that a block product never reads a tail. */
export function rowStride(width: number): number {
  return roundUp(width, 32);
}

/** Bytes that regions take together. */
export function sumOfRegions(sizes: RegionSizes<string>): number {
  return Object.values(sizes).reduce((sum, bytes) => sum + roundUp(bytes, REGION_ALIGN), 0);
}

/** Gives every region its address; whether it fits is another question (`refuseOverBudget`). */
export function layOut<Name extends string, Phase extends string = never>(
  { shards, loaded }: PlannableShards & ShardChoice,
  parts: { readonly [K in keyof LayoutParts<Name, Phase>]: LayoutParts<string, Phase>[K] },
  { memoryBudgetBytes }: BudgetOptions,
): MemoryLayout<Name, Phase> {
  const shardBytes = shards.map(({ bytes }, index) =>
    loaded === undefined || loaded.includes(index) ? roundUp(bytes, REGION_ALIGN) : 0,
  );
  const lasting = {
    kernels: KERNEL_STATIC_BYTES,
    weights: shardBytes.reduce((sum, bytes) => sum + bytes, 0),
    ...parts.lasting,
  };
  const regions: Record<string, Region<Phase>> = {};
  const place = (sizes: RegionSizes<string>, phase: Phase | null, start: number): number => {
    let address = start;
    for (const [name, bytes] of Object.entries(sizes)) {
      regions[name] = { name, phase, address, bytes };
      address += roundUp(bytes, REGION_ALIGN);
    }
    return address;
  };
  const shared = place(lasting, null, 0);
  const phases = Object.entries(parts.phases) as [Phase, RegionSizes<string>][];
  const ends = phases.map(([phase, sizes]) => place(sizes, phase, shared));
  // Kernels lie first, and shards after them.
  let shardAt = sumOfRegions({ kernels: KERNEL_STATIC_BYTES });
  const wasmBytes = roundUp(Math.max(shared, ...ends), WASM_PAGE_BYTES);
  return {
    regions: regions as MemoryLayout<Name, Phase>['regions'],
    shardAddresses: shardBytes.map((bytes) => (bytes === 0 ? null : (shardAt += bytes) - bytes)),
    wasmBytes,
    jsHeapBytes: JS_HEAP_BYTES,
    totalBytes: wasmBytes + JS_HEAP_BYTES + (parts.besideBytes ?? 0),
    budgetBytes: memoryBudgetBytes === undefined ? ISOLATE_BYTES : memoryBudgetBytes,
  };
}

/** What E_MEMORY_BUDGET says beyond the numbers of every plan. */
export interface RefusalFacts {
  /** Names what takes room beside the weights, with its bytes. */
  readonly beside?: string;
  readonly advice?: string;
  readonly details?: Readonly<Record<string, number>>;
}

/** For kinds of models that are not divided: what `plan` then gives is the memory of one large isolate. */
function useLess(id: string): string {
  return (
    'Import with a smaller preset (--preset edge), or use a smaller model; for a machine of your own, ' +
    `thimble plan ${id} says how much memory to give it.`
  );
}

/**
 * @param facts called only when the layout does not fit
 * @throws {EngineError} E_MEMORY_BUDGET with the numbers and a way out when the layout does not fit.
 */
export function refuseOverBudget(
  { id }: PlannableShards,
  { totalBytes, budgetBytes, regions }: MemoryLayout<never, string>,
  facts: (budgetBytes: number) => RefusalFacts = () => ({}),
): void {
  if (budgetBytes === null || totalBytes <= budgetBytes) return;
  const { beside, advice = useLess(id), details } = facts(budgetBytes);
  const weightBytes = regions.weights.bytes;
  const parts = `weights ${weightBytes}${beside === undefined ? '' : `, ${beside}`}`;
  throw new EngineError(
    'E_MEMORY_BUDGET',
    `memory plan: ${id} needs ${totalBytes} bytes (${parts}), the budget is ${budgetBytes}. ${advice}`,
    { details: { totalBytes, budgetBytes, weightBytes, ...details } },
  );
}

/** Bytes from the first region to the end of the last. */
export function usedBytes({ regions }: MemoryLayout<never, string>): number {
  return Math.max(...Object.values(regions).map(({ address, bytes }) => address + bytes));
}
