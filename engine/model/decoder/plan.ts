/**
 * The memory plan of one decoder in one isolate: every region and its address, before anything is
 * allocated. Pure: `inspect` prints it, the loader follows it.
 */
import { archByName } from '../../archs/index.ts';
import { attendScratchBytes, kvGeometry, PAGE_TOKENS, pagesFor } from '../../cache/geometry.ts';
import type { KvDtype, KvGeometry } from '../../cache/geometry.ts';
import type { DecoderManifest, ModelConfig } from '../../manifest/manifest.ts';
import { projectorSize, SENSE_NAMES } from '../../manifest/modalities.ts';
import { WASM_PAGE_BYTES } from '../../kernels/wasm/module.ts';
import { panelBytes, TILE_TOKENS } from '../../ops/ops.ts';
import { layOut, refuseOverBudget, rowStride, sumOfRegions, usedBytes } from '../memory/layout.ts';
import type {
  BudgetOptions,
  MemoryLayout,
  PlannableShards,
  RefusalFacts,
  RegionSizes,
} from '../memory/layout.ts';
import { isEmpty, wholeRange } from './piece.ts';
import type { Piece, PieceRange } from './piece.ts';

/** Tokens of a prompt evaluated in one pass. */
export const CHUNK_TOKENS = 48;
/** Context served by default, if the model has as much. */
export const DEFAULT_CTX = 2048;
/** Largest rank of low-rank adapters; files rarely have more than 64. */
export const MAX_ADAPTER_RANK = 64;
/** Sequences that may hold pages at the same time (running or kept for reuse). */
export const MAX_SEQUENCES = 32;

/** A page's address in the table of every sequence. */
const PAGE_TABLE_BYTES = MAX_SEQUENCES * 4;

/** The part of a manifest that the plan depends on: known before any shard is written. */
export type PlannableModel = Pick<DecoderManifest, 'preset' | 'config' | 'architecture'> &
  PlannableShards;

export interface PlanOptions extends BudgetOptions {
  /** Positions of key/value cache; at most the model's own context. */
  nCtx?: number;
  kvDtype?: KvDtype;
  /** Bytes for adapters' matrices, all together; none by default. */
  adapterBytes?: number;
  /** The part of the model that is held; all of it by default. */
  piece?: Piece;
}

/** Parts of a step that follow each other and share memory. */
export type Phase = 'attention' | 'ffn' | 'output';

export interface MemoryPlan extends MemoryLayout<RegionName, Phase> {
  readonly nCtx: number;
  readonly kv: KvGeometry;
  readonly nPage: number;
  readonly piece: PieceRange;
  /** Rows of logits that are in memory at a time. */
  readonly logitRows: number;
}

export type RegionName =
  | 'kvPages'
  | 'pageTables'
  | 'ropeTable'
  | 'hidden'
  | 'normed'
  | 'normedPanels'
  | 'adapters'
  | 'adapterRows'
  | 'senseRows'
  | 'sensePanels'
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

/**
 * Where the parts of pages that belong to a layer begin, in bytes after those of the first layer: the pages of one
 * layer follow each other, so that attention reads them as one stream.
 */
export function layerOffset({ nPage, kv, piece }: MemoryPlan, layer: number): number {
  return (layer - piece.layers[0]) * nPage * kv.layerBytes;
}

/**
 * @throws {EngineError} E_MEMORY_BUDGET with the numbers when the plan does not fit.
 */
export function planMemory(manifest: PlannableModel, options: PlanOptions = {}): MemoryPlan {
  const c = manifest.config;
  const nCtx = servedContext(c, options.nCtx);
  const kvDtype = options.kvDtype ?? defaultKvDtype(manifest);
  const piece = options.piece ?? wholeRange(c);
  const hasLayers = !isEmpty(piece.layers);
  const nVocabRow = piece.rows[1] - piece.rows[0];
  const kv = kvGeometry(kvDtype, { ...c, nLayer: piece.layers[1] - piece.layers[0] });
  const nPage = pagesFor(nCtx);

  const qWidth = c.nHead * c.headDim;
  const kvWidth = c.nKvHead * c.headDim;
  const rows = (width: number) => CHUNK_TOKENS * rowStride(width) * 4;
  const panels = (width: number) => panelBytes(CHUNK_TOKENS, width);
  const { adapterBytes = 0 } = options;
  const hasExperts = c.nExpert !== undefined;
  const vectorWidth = isEmpty(piece.rows) ? 0 : widestVector(c);
  const attention = zeroUnless(hasLayers, {
    // `queries` and `gate` are also scratch for what a half adds, in families that change it before.
    queries: rows(Math.max(qWidth, c.nEmbd)),
    keys: rows(kvWidth),
    values: rows(kvWidth),
    attended: rows(qWidth),
    attendedPanels: panels(qWidth),
    attendScratch: attendScratchBytes(kv, c.nHead),
  });
  const ffn = zeroUnless(hasLayers, {
    expertScores: rows(c.nExpert ?? 0),
    expertInput: hasExperts ? rows(c.nEmbd) : 0,
    expertInputPanels: hasExperts ? panels(c.nEmbd) : 0,
    gate: rows(Math.max(c.nFf, c.nEmbd)),
    up: rows(c.nFf),
    upPanels: panels(c.nFf),
  });
  // As many as fit where the layers worked, so that more rows share a reading of the head.
  const logitRowBytes = rowStride(nVocabRow) * 4;
  const workBytes = Math.max(sumOfRegions(attention), sumOfRegions(ffn));
  const fitting = Math.floor(workBytes / Math.max(logitRowBytes, 1));
  const logitRows = Math.min(Math.max(fitting, hasLayers ? 1 : TILE_TOKENS), CHUNK_TOKENS);
  const layout = layOut<RegionName, Phase>(
    { ...manifest, ...(options.piece === undefined ? {} : { loaded: options.piece.shards }) },
    {
      lasting: {
        kvPages: nPage * kv.pageBytes,
        pageTables: hasLayers ? nPage * PAGE_TABLE_BYTES : 0,
        ropeTable: CHUNK_TOKENS * c.ropeDim * 4 * (c.localRopeTheta === undefined ? 1 : 2),
        hidden: rows(c.nEmbd),
        normed: rows(c.nEmbd),
        normedPanels: panels(c.nEmbd),
        adapters: adapterBytes,
        adapterRows: adapterBytes === 0 ? 0 : rows(MAX_ADAPTER_RANK),
        senseRows: vectorWidth === 0 ? 0 : rows(vectorWidth),
        sensePanels: vectorWidth === 0 ? 0 : panels(vectorWidth),
      },
      phases: { attention, ffn, output: { logits: logitRows * logitRowBytes } },
    },
    options,
  );
  const plan: MemoryPlan = { nCtx, kv, nPage, piece, logitRows, ...layout };
  refuseOverBudget(manifest, plan, (budgetBytes) => refusalFacts(manifest, plan, budgetBytes));
  return plan;
}

/** Values of the widest vector that the model reads; 0 where it reads text alone. */
function widestVector({ modalities }: ModelConfig): number {
  return Math.max(0, ...SENSE_NAMES.map((sense) => projectorSize(modalities, sense)?.nIn ?? 0));
}

export function defaultKvDtype({
  preset,
  architecture,
}: Pick<PlannableModel, 'preset' | 'architecture'>): KvDtype {
  return archByName(architecture).kvDtype ?? (preset === 'lossless' ? 'f16' : 'q8');
}

/** Regions of a piece without layers take no room. */
function zeroUnless<Name extends string>(
  isHeld: boolean,
  sizes: RegionSizes<Name>,
): RegionSizes<Name> {
  if (isHeld) return sizes;
  return Object.fromEntries(Object.keys(sizes).map((name) => [name, 0])) as RegionSizes<Name>;
}

function refusalFacts(
  { id, preset }: PlannableModel,
  plan: MemoryPlan,
  budgetBytes: number,
): RefusalFacts {
  const { nCtx, regions } = plan;
  const kvBytes = regions.kvPages.bytes;
  const fittingCtx = Math.max(0, fittingPages(plan, budgetBytes)) * PAGE_TOKENS;
  const divide = `divide it over several isolates (thimble plan ${id} --isolates auto)`;
  const smaller =
    preset === 'lossless'
      ? `Import with a smaller preset (--preset edge), or ${divide}.`
      : `Import it with --fit, ${divide}, or use a smaller model.`;
  return {
    beside: `cache of ${nCtx} tokens ${kvBytes}`,
    advice:
      fittingCtx > 0
        ? `A context of ${fittingCtx} tokens would fit (--ctx ${fittingCtx}); for more, ${divide}.`
        : smaller,
    details: { kvBytes, nCtx, fittingCtx },
  };
}

/** Pages of cache for which there is room beside everything else; negative when there is none. */
function fittingPages(plan: MemoryPlan, budgetBytes: number): number {
  const { regions, kv, jsHeapBytes } = plan;
  const fixed = usedBytes(plan) - regions.kvPages.bytes - regions.pageTables.bytes;
  const wasmBudget = Math.floor((budgetBytes - jsHeapBytes) / WASM_PAGE_BYTES) * WASM_PAGE_BYTES;
  return Math.floor((wasmBudget - fixed) / (kv.pageBytes + PAGE_TABLE_BYTES));
}
