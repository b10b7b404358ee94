/** How a model of each kind is planned and loaded: a row per kind. */
import { ImageEngine } from '../../engine/encode/image-engine.ts';
import { TowerEngine } from '../../engine/encode/tower-engine.ts';
import { EncoderEngine } from '../../engine/encode/encoder-engine.ts';
import { Engine } from '../../engine/generate/engine.ts';
import { warmUp } from '../../engine/generate/warm-up.ts';
import { archByName } from '../../engine/archs/index.ts';
import { pagesFor } from '../../engine/cache/geometry.ts';
import type { DecoderManifest, ManifestOf } from '../../engine/manifest/manifest.ts';
import { planEncoder } from '../../engine/model/encoder/plan.ts';
import { loadDecoder } from '../../engine/model/decoder/load-decoder.ts';
import { pieceOf } from '../../engine/model/decoder/piece.ts';
import { planMemory, servedContext } from '../../engine/model/decoder/plan.ts';
import type { MemoryPlan } from '../../engine/model/decoder/plan.ts';
import { RingDecoder } from '../../engine/model/decoder/ring.ts';
import { DecoderStage, warmUpStage } from '../../engine/model/decoder/stage.ts';
import { ISOLATE_BYTES, JS_HEAP_BYTES } from '../../engine/model/memory/budget.ts';
import { planTower } from '../../engine/model/tower/plan.ts';
import { planVision } from '../../engine/model/vision/plan.ts';
import { planRecognition } from '../../engine/model/recognition/plan.ts';
import { ISOLATE_RESERVE_BYTES } from '../../engine/placement/assign.ts';
import { leaderBytes, LINK_BYTES } from '../../engine/placement/needs.ts';
import { RecognitionEngine } from '../../engine/transcribe/recognition-engine.ts';
import relaxed from '../../dist/kernels/relaxed.wasm';
import simd from '../../dist/kernels/simd.wasm';
import { readCount } from '../platform/vars.ts';
import { adapterRoom, pieceAdapterBytes } from './adapters.ts';
import type { AdapterEnv } from './adapters.ts';
import { bytesWithDraft, findDraft } from './draft.ts';
import type { ModelPlace, PiecePlace } from './model-place.ts';
import { R2Source } from './r2-source.ts';
import { stageLinks } from './stages.ts';
import { takeTurn } from '../platform/turns.ts';
import { openTurns } from './turns.ts';

const KERNELS = { relaxed, simd };

export interface HostEnv extends AdapterEnv {
  /** Bytes of this isolate for WebAssembly memory and JavaScript heap together. */
  readonly MEMORY_BUDGET_BYTES?: string;
  /** Tokens of context; limited by the model's own context and the default. */
  readonly CONTEXT_TOKENS?: string;
  /** Id of a model that drafts tokens for models with its tokenizer. */
  readonly DRAFT_MODEL?: string;
}

interface PlannedBytes {
  readonly totalBytes: number;
  /** The part of totalBytes that all engines of an isolate share. */
  readonly jsHeapBytes: number;
}

/** The memory a model will take; nothing is allocated before `load`. */
export interface PlannedEngine<E> extends PlannedBytes {
  /** Bytes for adapters among them. */
  readonly adapterBytes?: number;
  load(): Promise<E>;
  /** Called when the engine is closed. */
  readonly release?: () => void;
}

export interface EngineByKind {
  readonly decoder: Engine;
  readonly encoder: EncoderEngine;
  readonly recognition: RecognitionEngine;
  readonly vision: ImageEngine;
  readonly tower: TowerEngine;
  /** A part of a text model that another stage leads. */
  readonly piece: DecoderStage;
}
export type EngineKind = keyof EngineByKind;
/** Kind of the models whose engines are of a kind. */
export type ModelKindOf<K extends EngineKind> = K extends 'piece' ? 'decoder' : K;

interface HeldPiece {
  readonly engine: DecoderStage;
  readonly release: (isOver?: boolean) => void;
}

/** What engines are planned from. */
export interface PlanInput<K extends EngineKind> {
  readonly env: HostEnv;
  readonly manifest: ManifestOf<ModelKindOf<K>>;
  readonly place: K extends 'piece' ? PiecePlace : ModelPlace;
  /** Loads a piece in this isolate and holds it until it is released. */
  readonly holdPiece: (place: PiecePlace) => Promise<HeldPiece>;
}

type PlanEngine<K extends EngineKind> = (
  input: PlanInput<K>,
) => Promise<PlannedEngine<EngineByKind[K]>>;

interface BudgetOptions {
  readonly memoryBudgetBytes: number;
}

type LoadEngine<K extends 'encoder' | 'recognition' | 'tower'> = (
  source: R2Source<ManifestOf<K>>,
  options: BudgetOptions & { readonly openTurns: typeof openTurns },
) => Promise<EngineByKind[K]>;

/** Plans an engine. @throws {EngineError} E_MEMORY_BUDGET when the model would not fit even alone */
export const PLAN_ENGINE: { readonly [K in EngineKind]: PlanEngine<K> } = {
  decoder: (input) => (isDivided(input.place) ? planRing(input) : planDecoder(input)),
  encoder: planWith(planEncoder, (source, options) => EncoderEngine.load(source, KERNELS, options)),
  recognition: planWith(planRecognition, (source, options) =>
    RecognitionEngine.load(source, KERNELS, options),
  ),
  vision: planSeeing,
  tower: planWith(planTower, (source, options) => TowerEngine.load(source, KERNELS, options)),
  piece: planPiece,
};

export function budgetOf(env: HostEnv): number {
  return readCount(env.MEMORY_BUDGET_BYTES) ?? ISOLATE_BYTES;
}

function isDivided({ pieces }: ModelPlace): boolean {
  return pieces !== null && pieces.length > 1;
}

/** Positions as placed and as the variable allows; the default without either. */
function contextOptions(env: HostEnv, { nCtx }: ModelPlace): { readonly nCtx?: number } {
  const limits = [nCtx, readCount(env.CONTEXT_TOKENS)].filter((tokens) => tokens !== null);
  return limits.length === 0 ? {} : { nCtx: Math.min(...limits) };
}

async function planDecoder({
  env,
  manifest,
  place,
}: PlanInput<'decoder'>): Promise<PlannedEngine<Engine>> {
  const draft = await findDraft(env.MODELS, env.DRAFT_MODEL, manifest);
  const bare = { memoryBudgetBytes: budgetOf(env), ...contextOptions(env, place) };
  const bytesOf = (plan: MemoryPlan): number =>
    draft === null ? plan.totalBytes : bytesWithDraft(manifest, plan, draft, bare);
  const plain = planMemory(manifest, bare);
  const spareBytes = Math.max(0, budgetOf(env) - ISOLATE_RESERVE_BYTES - bytesOf(plain));
  const room = await adapterRoom(env, manifest.id, plain, spareBytes, place.adapter);
  const { adapterBytes } = room;
  const options = { ...bare, ...room };
  const plan = planMemory(manifest, options);
  const load = (model: DecoderManifest, draftEngine?: Engine): Promise<Engine> =>
    Engine.load(new R2Source(env.MODELS, model), KERNELS, {
      ...(model === manifest ? options : bare),
      openTurns,
      ...(draftEngine === undefined ? {} : { draft: draftEngine }),
    });
  return {
    ...{ totalBytes: bytesOf(plan), jsHeapBytes: plan.jsHeapBytes, adapterBytes },
    load: async () =>
      draft === null ? await load(manifest) : await load(manifest, await load(draft)),
  };
}

/** The leader of a model over several stages: its own piece is an engine of its own in this isolate. */
function planRing({
  env,
  manifest,
  place,
  holdPiece,
}: PlanInput<'decoder'>): Promise<PlannedEngine<Engine>> {
  let own: HeldPiece | null = null;
  const nCtx = servedContext(manifest.config, contextOptions(env, place).nCtx);
  const totalBytes = JS_HEAP_BYTES + leaderBytes(manifest);
  const load = async (): Promise<Engine> => {
    const startedAt = Date.now();
    own = await holdPiece({ ...place, piece: 0 });
    const decoder = new RingDecoder(manifest.config, stageLinks(env, place, own.engine), {
      ...{ nCtx, nPage: pagesFor(nCtx), overlap: place.overlap },
      learnedPositions: archByName(manifest.architecture).positions === 'learned',
      takeTurn,
    });
    await warmUp(decoder);
    const weights = manifest.shards.reduce((sum, { bytes }) => sum + bytes, 0);
    const wasmBytes = place.pieces!.reduce((sum, { bytes }) => sum + bytes, 0);
    return new Engine({
      ...{ model: manifest, decoder, kernelBuild: `ring of ${place.pieces!.length}` },
      plan: { nCtx, totalBytes, wasmBytes, regions: { weights: { bytes: weights } } },
      ...{ loadMs: Date.now() - startedAt, openTurns },
    });
  };
  return Promise.resolve({
    ...{ totalBytes, jsHeapBytes: JS_HEAP_BYTES, load },
    release: () => own?.release(true),
  });
}

function planPiece({
  env,
  manifest,
  place,
}: PlanInput<'piece'>): Promise<PlannedEngine<DecoderStage>> {
  const { isolate, layers, rows } = place.pieces![place.piece]!;
  const options = {
    ...{ memoryBudgetBytes: budgetOf(env), piece: pieceOf(manifest, { layers, rows }) },
    ...contextOptions(env, place),
  };
  const linkBytes = place.piece === 0 ? leaderBytes(manifest) : LINK_BYTES;
  const bare = planMemory(manifest, options);
  const spareBytes = budgetOf(env) - ISOLATE_RESERVE_BYTES - bare.totalBytes - linkBytes;
  const adapterBytes = place.hasAdapters === true ? pieceAdapterBytes(env, spareBytes) : 0;
  const { totalBytes, jsHeapBytes } = planMemory(manifest, { ...options, adapterBytes });
  const load = async (): Promise<DecoderStage> => {
    const source = new R2Source(env.MODELS, manifest);
    const { decoder } = await loadDecoder(source, KERNELS, { ...options, adapterBytes });
    const stage = new DecoderStage(`stage-${isolate}`, decoder);
    warmUpStage(stage);
    return stage;
  };
  const ownLinkBytes = place.piece === 0 ? 0 : linkBytes;
  return Promise.resolve({ totalBytes: totalBytes + ownLinkBytes, jsHeapBytes, load });
}

/** An image encoder with room for the eyes that are asked for. */
function planSeeing({
  env,
  manifest,
  place,
}: PlanInput<'vision'>): Promise<PlannedEngine<ImageEngine>> {
  const eyesBytes = place.eyes?.eyes.regionBytes ?? 0;
  const options = { memoryBudgetBytes: budgetOf(env), eyesBytes };
  const { totalBytes, jsHeapBytes } = planVision(manifest, options);
  const source = new R2Source(env.MODELS, manifest);
  return Promise.resolve({
    ...{ totalBytes, jsHeapBytes, adapterBytes: eyesBytes },
    load: () => ImageEngine.load(source, KERNELS, { ...options, openTurns }),
  });
}

/** Plans engines of a kind that needs no option but the budget. */
function planWith<K extends 'encoder' | 'recognition' | 'tower'>(
  plan: (manifest: ManifestOf<K>, options: BudgetOptions) => PlannedBytes,
  load: LoadEngine<K>,
): PlanEngine<K> {
  return async (input) => {
    const { env } = input;
    // The kind of engine is the kind of its model.
    const manifest = input.manifest as ManifestOf<K>;
    const options = { memoryBudgetBytes: budgetOf(env) };
    const { totalBytes, jsHeapBytes } = plan(manifest, options);
    return {
      totalBytes,
      jsHeapBytes,
      load: () => load(new R2Source(env.MODELS, manifest), { ...options, openTurns }),
    };
  };
}
