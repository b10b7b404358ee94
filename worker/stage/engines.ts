/** How a model of each kind is planned and loaded: a row per kind. */
import { EncoderEngine } from '../../engine/encode/encoder-engine.ts';
import { Engine } from '../../engine/generate/engine.ts';
import type { DecoderManifest, ManifestOf } from '../../engine/manifest/manifest.ts';
import { planEncoder } from '../../engine/model/encoder/plan.ts';
import { planMemory } from '../../engine/model/decoder/plan.ts';
import { ISOLATE_BYTES } from '../../engine/model/memory/budget.ts';
import { planRecognition } from '../../engine/model/recognition/plan.ts';
import { RecognitionEngine } from '../../engine/transcribe/recognition-engine.ts';
import relaxed from '../../dist/kernels/relaxed.wasm';
import simd from '../../dist/kernels/simd.wasm';
import { readCount } from '../platform/vars.ts';
import { bytesWithDraft, findDraft } from './draft.ts';
import { R2Source } from './r2-source.ts';
import { openTurns } from './turns.ts';

const KERNELS = { relaxed, simd };

export interface HostEnv {
  readonly MODELS: R2Bucket;
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
  load(): Promise<E>;
}

export interface EngineByKind {
  readonly decoder: Engine;
  readonly encoder: EncoderEngine;
  readonly recognition: RecognitionEngine;
}
export type EngineKind = keyof EngineByKind;

type PlanEngine<K extends EngineKind> = (
  env: HostEnv,
  manifest: ManifestOf<K>,
) => Promise<PlannedEngine<EngineByKind[K]>>;

interface BudgetOptions {
  readonly memoryBudgetBytes: number;
}

type LoadEngine<K extends EngineKind> = (
  source: R2Source<ManifestOf<K>>,
  options: BudgetOptions & { readonly openTurns: typeof openTurns },
) => Promise<EngineByKind[K]>;

/** Plans an engine. @throws {EngineError} E_MEMORY_BUDGET when the model would not fit even alone */
export const PLAN_ENGINE: { readonly [K in EngineKind]: PlanEngine<K> } = {
  decoder: planDecoder,
  encoder: planWith(planEncoder, (source, options) => EncoderEngine.load(source, KERNELS, options)),
  recognition: planWith(planRecognition, (source, options) =>
    RecognitionEngine.load(source, KERNELS, options),
  ),
};

export function budgetOf(env: HostEnv): number {
  return readCount(env.MEMORY_BUDGET_BYTES) ?? ISOLATE_BYTES;
}

async function planDecoder(
  env: HostEnv,
  manifest: DecoderManifest,
): Promise<PlannedEngine<Engine>> {
  const draft = await findDraft(env.MODELS, env.DRAFT_MODEL, manifest);
  const nCtx = readCount(env.CONTEXT_TOKENS);
  const options = { memoryBudgetBytes: budgetOf(env), ...(nCtx === null ? {} : { nCtx }) };
  const plan = planMemory(manifest, options);
  const load = (model: DecoderManifest, draftEngine?: Engine): Promise<Engine> =>
    Engine.load(new R2Source(env.MODELS, model), KERNELS, {
      ...options,
      openTurns,
      ...(draftEngine === undefined ? {} : { draft: draftEngine }),
    });
  return {
    totalBytes: draft === null ? plan.totalBytes : bytesWithDraft(manifest, plan, draft, options),
    jsHeapBytes: plan.jsHeapBytes,
    load: async () =>
      draft === null ? await load(manifest) : await load(manifest, await load(draft)),
  };
}

/** Plans engines of a kind that needs no option but the budget. */
function planWith<K extends 'encoder' | 'recognition'>(
  plan: (manifest: ManifestOf<K>, options: BudgetOptions) => PlannedBytes,
  load: LoadEngine<K>,
): PlanEngine<K> {
  return async (env, manifest) => {
    const options = { memoryBudgetBytes: budgetOf(env) };
    const { totalBytes, jsHeapBytes } = plan(manifest, options);
    return {
      totalBytes,
      jsHeapBytes,
      load: () => load(new R2Source(env.MODELS, manifest), { ...options, openTurns }),
    };
  };
}
