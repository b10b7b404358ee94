/**
 * The memory plan of one model in one isolate: every region and its address, before anything is
 * allocated. Pure: `inspect` prints it, the loader follows it.
 */
import { roundUp } from '../../base/dtypes.ts';
import { EngineError } from '../../base/errors.ts';
import { attendScratchBytes, kvGeometry, PAGE_TOKENS, pagesFor } from '../../cache/geometry.ts';
import type { KvDtype, KvGeometry } from '../../cache/geometry.ts';
import type { DecoderManifest, ModelConfig } from '../../manifest/manifest.ts';
import { KERNEL_STATIC_BYTES, WASM_PAGE_BYTES } from '../../kernels/wasm/module.ts';
import { panelBytes } from '../../ops/ops.ts';

/** Memory of one isolate, JavaScript heap and WebAssembly together (Workers platform limits). */
export const ISOLATE_BYTES = 128_000_000;
/** Kept for the JavaScript heap of a stage, as measured (README.md). */
export const JS_HEAP_BYTES = 11_000_000;
/** Tokens of a prompt evaluated in one pass. */
export const CHUNK_TOKENS = 48;
/** Context served unless asked otherwise, if the model has as much. */
export const DEFAULT_CTX = 2048;
/** Of low-rank adapters; files rarely have more than 64. */
export const MAX_ADAPTER_RANK = 64;
/** Sequences that may hold pages at the same time (running or kept for reuse). */
export const MAX_SEQUENCES = 32;

const REGION_ALIGN = 64;
/** A page's address in the table of every sequence. */
const PAGE_TABLE_BYTES = MAX_SEQUENCES * 4;

/** What of a manifest the plan depends on: known before any shard is written. */
export type PlannableModel = Pick<DecoderManifest, 'id' | 'preset' | 'config'> & {
  readonly shards: readonly { readonly bytes: number }[];
};

export interface PlanOptions {
  /** Positions of key/value cache; at most the model's own context. */
  nCtx?: number;
  kvDtype?: KvDtype;
  /** Bytes for adapters' matrices, all together; none by default. */
  adapterBytes?: number;
  /** Bytes for WebAssembly memory and JavaScript heap; null plans without a limit (native hosts). */
  memoryBudgetBytes?: number | null;
}

/** Parts of a step that follow each other: what they need lies at the same place. */
export type Phase = 'attention' | 'ffn' | 'output';

export interface Region {
  readonly name: string;
  /** Null for what lasts over the whole step. */
  readonly phase: Phase | null;
  readonly address: number;
  readonly bytes: number;
}

export interface MemoryPlan {
  readonly nCtx: number;
  readonly kv: KvGeometry;
  readonly nPage: number;
  /** Rows of logits that stand in memory at a time. */
  readonly logitRows: number;
  readonly regions: Readonly<Record<RegionName, Region>>;
  /** Start of each shard in memory, in the manifest's order. */
  readonly shardAddresses: readonly number[];
  readonly wasmBytes: number;
  readonly jsHeapBytes: number;
  readonly totalBytes: number;
  readonly budgetBytes: number | null;
}

export type RegionName =
  | 'kernels'
  | 'weights'
  | 'kvPages'
  | 'pageTables'
  | 'ropeTable'
  | 'hidden'
  | 'normed'
  | 'normedPanels'
  | 'adapters'
  | 'adapterRows'
  | 'queries'
  | 'keys'
  | 'values'
  | 'attended'
  | 'attendedPanels'
  | 'attendScratch'
  | 'expertScores'
  | 'expertInput'
  | 'expertInputPanels'
  | 'gate'
  | 'up'
  | 'upPanels'
  | 'logits';

/** Positions a model is served with: what was asked for or the default, at most what it was trained for. */
export function servedContext(
  config: Pick<ModelConfig, 'nCtx'>,
  wanted: number = DEFAULT_CTX,
): number {
  return Math.min(wanted, config.nCtx);
}

type Sizes = readonly (readonly [name: RegionName, bytes: number])[];

/**
 * Where the parts of pages that belong to a layer begin, behind those of the first: the pages of one
 * layer follow each other, so that attention reads them as one stream.
 */
export function layerOffset({ nPage, kv }: MemoryPlan, layer: number): number {
  return layer * nPage * kv.layerBytes;
}

/** Row width in values: padded so that a block product never reads a tail. */
export function rowStride(width: number): number {
  return roundUp(width, 32);
}

function sumOfBytes(sizes: Sizes): number {
  return sizes.reduce((sum, [, bytes]) => sum + roundUp(bytes, REGION_ALIGN), 0);
}

/**
 * @throws {EngineError} E_MEMORY_BUDGET with the numbers when the plan does not fit.
 */
export function planMemory(manifest: PlannableModel, options: PlanOptions = {}): MemoryPlan {
  const c = manifest.config;
  const nCtx = servedContext(c, options.nCtx);
  const kvDtype = options.kvDtype ?? (manifest.preset === 'lossless' ? 'f16' : 'q8');
  const kv = kvGeometry(kvDtype, c);
  const nPage = pagesFor(nCtx);

  const qWidth = c.nHead * c.headDim;
  const kvWidth = c.nKvHead * c.headDim;
  const rows = (width: number) => CHUNK_TOKENS * rowStride(width) * 4;
  const panels = (width: number) => panelBytes(CHUNK_TOKENS, width);
  const { adapterBytes = 0 } = options;
  const hasExperts = c.nExpert !== undefined;
  const shardBytes = manifest.shards.map(({ bytes }) => roundUp(bytes, REGION_ALIGN));
  const lasting: Sizes = [
    ['kernels', KERNEL_STATIC_BYTES],
    ['weights', shardBytes.reduce((sum, bytes) => sum + bytes, 0)],
    ['kvPages', nPage * kv.pageBytes],
    ['pageTables', nPage * PAGE_TABLE_BYTES],
    ['ropeTable', CHUNK_TOKENS * c.ropeDim * 4 * (c.localRopeTheta === undefined ? 1 : 2)],
    ['hidden', rows(c.nEmbd)],
    ['normed', rows(c.nEmbd)],
    ['normedPanels', panels(c.nEmbd)],
    ['adapters', adapterBytes],
    ['adapterRows', adapterBytes === 0 ? 0 : rows(MAX_ADAPTER_RANK)],
  ];
  const layerPhases: Record<Exclude<Phase, 'output'>, Sizes> = {
    attention: [
      // Here and in `gate` stands what a half adds, where a family does something with it before.
      ['queries', rows(Math.max(qWidth, c.nEmbd))],
      ['keys', rows(kvWidth)],
      ['values', rows(kvWidth)],
      ['attended', rows(qWidth)],
      ['attendedPanels', panels(qWidth)],
      ['attendScratch', attendScratchBytes(kv, c.nHead)],
    ],
    ffn: [
      ['expertScores', rows(c.nExpert ?? 0)],
      ['expertInput', hasExperts ? rows(c.nEmbd) : 0],
      ['expertInputPanels', hasExperts ? panels(c.nEmbd) : 0],
      ['gate', rows(Math.max(c.nFf, c.nEmbd))],
      ['up', rows(c.nFf)],
      ['upPanels', panels(c.nFf)],
    ],
  };
  // As many as fit where the layers worked, so that more rows share a reading of the head.
  const logitRowBytes = rowStride(c.nVocab) * 4;
  const scratchBytes = Math.max(...Object.values(layerPhases).map(sumOfBytes));
  const fitting = Math.floor(scratchBytes / logitRowBytes);
  const logitRows = Math.min(Math.max(fitting, 1), CHUNK_TOKENS);
  const phases: Record<Phase, Sizes> = {
    ...layerPhases,
    output: [['logits', logitRows * logitRowBytes]],
  };
  const regions = {} as Record<RegionName, Region>;
  const place = (sizes: Sizes, phase: Phase | null, start: number): number => {
    let address = start;
    for (const [name, bytes] of sizes) {
      regions[name] = { name, phase, address, bytes };
      address += roundUp(bytes, REGION_ALIGN);
    }
    return address;
  };
  const scratch = place(lasting, null, 0);
  const ends = (Object.keys(phases) as Phase[]).map((name) => place(phases[name], name, scratch));
  const address = Math.max(...ends);
  let shardAt = regions.weights.address;
  const shardAddresses = shardBytes.map((bytes) => (shardAt += bytes) - bytes);

  const wasmBytes = roundUp(address, WASM_PAGE_BYTES);
  const budgetBytes =
    options.memoryBudgetBytes === undefined ? ISOLATE_BYTES : options.memoryBudgetBytes;
  const totalBytes = wasmBytes + JS_HEAP_BYTES;
  const plan: MemoryPlan = {
    nCtx,
    kv,
    nPage,
    logitRows,
    regions,
    shardAddresses,
    wasmBytes,
    jsHeapBytes: JS_HEAP_BYTES,
    totalBytes,
    budgetBytes,
  };
  refuseOverBudget(manifest, plan);
  return plan;
}

function refuseOverBudget(manifest: PlannableModel, plan: MemoryPlan): void {
  const { budgetBytes, totalBytes, regions, nCtx } = plan;
  if (budgetBytes === null || totalBytes <= budgetBytes) return;
  const fittingCtx = Math.max(0, fittingPages(plan, budgetBytes)) * PAGE_TOKENS;
  const advice =
    fittingCtx > 0
      ? `A context of ${fittingCtx} tokens would fit (--ctx ${fittingCtx}).`
      : manifest.preset === 'lossless'
        ? 'Import with a smaller preset (--preset edge).'
        : 'Import it with --fit, or use a smaller model.';
  throw new EngineError(
    'E_MEMORY_BUDGET',
    `memory plan: ${manifest.id} needs ${totalBytes} bytes (weights ${regions.weights.bytes}, ` +
      `cache of ${nCtx} tokens ${regions.kvPages.bytes}), the budget is ${budgetBytes}. ${advice}`,
    {
      details: {
        totalBytes,
        budgetBytes,
        weightBytes: regions.weights.bytes,
        kvBytes: regions.kvPages.bytes,
        nCtx,
        fittingCtx,
      },
    },
  );
}

/** Pages of cache for which there is room beside everything else; negative when there is none. */
function fittingPages({ regions, kv, jsHeapBytes }: MemoryPlan, budgetBytes: number): number {
  const end = Math.max(...Object.values(regions).map(({ address, bytes }) => address + bytes));
  const fixed = end - regions.kvPages.bytes - regions.pageTables.bytes;
  const wasmBudget = Math.floor((budgetBytes - jsHeapBytes) / WASM_PAGE_BYTES) * WASM_PAGE_BYTES;
  return Math.floor((wasmBudget - fixed) / (kv.pageBytes + PAGE_TABLE_BYTES));
}
