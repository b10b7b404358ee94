/**
 * The engine in this Node process over a model in the user's models folder: what `generate`, `chat`,
 * `bench` and `eval` run. The same engine code, kernels and shards as in the Worker.
 */
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { compileWasm } from './compile-wasm.ts';
import { EngineError } from '../../engine/base/errors.ts';
import { requireKind } from '../../engine/manifest/manifest.ts';
import type { DecoderManifest, WeightedManifest } from '../../engine/manifest/manifest.ts';
import { Engine } from '../../engine/generate/engine.ts';
import type { EngineOptions } from '../../engine/generate/engine.ts';
import { plainTurns } from '../../engine/base/turns.ts';
import { promptLength } from '../../engine/generate/prompt.ts';
import type { GenerateRequest, GenerateUsage, FinishReason } from '../../engine/generate/types.ts';
import type { KernelModules } from '../../engine/kernels/wasm/module.ts';
import type { ModelSource } from '../../engine/model/memory/source.ts';
import { Detokenizer } from '../../engine/text/detokenizer.ts';
import { StopMatcher } from '../../engine/text/stop-strings.ts';
import { Tokenizer } from '../../engine/text/tokenizer.ts';
import { readImported } from '../push/push.ts';
import { distDir, modelsDir } from '../lib/paths.ts';

export interface LocalModel {
  readonly manifest: DecoderManifest;
  readonly engine: Engine;
  readonly tokenizer: Tokenizer;
}

/**
 * Loads `<modelsRoot>/<id>`; natively there is no memory limit but the machine's.
 * @throws {EngineError} E_MODEL_NOT_FOUND, and what the engine's own loading gives.
 */
export async function loadLocalModel(
  id: string,
  options: EngineOptions = {},
  modelsRoot: string = modelsDir(),
): Promise<LocalModel> {
  const dir = join(modelsRoot, id);
  const manifest = requireKind((await readImported(dir, id)).manifest, 'decoder');
  const tokenizer = await readTokenizer(dir, manifest);
  const modules = await loadKernelModules();
  const engine = await Engine.load(new FileModelSource(dir, manifest), modules, {
    memoryBudgetBytes: null,
    openTurns: plainTurns(() => setImmediate()),
    ...options,
  });
  return { manifest, engine, tokenizer };
}

/**
 * A model with a smaller one that guesses ahead for it; the text is the same.
 * @throws {EngineError} E_REQUEST_INVALID when their tokenizers differ, before weights of `id` are read.
 */
export async function loadModelWithDraft(
  id: string,
  draftId: string | undefined,
  options: EngineOptions = {},
): Promise<LocalModel> {
  if (draftId === undefined) return await loadLocalModel(id, options);
  const draft = await loadLocalModel(draftId, options);
  return await loadLocalModel(id, { ...options, draft: draft.engine });
}

/** `12 tokens, 20 drafted, 9 of them accepted`: what a draft model was good for. */
export function draftLine({
  completionTokens,
  draftedTokens,
  acceptedTokens,
}: GenerateUsage): string {
  return `${completionTokens} tokens, ${draftedTokens} drafted, ${acceptedTokens} of them accepted`;
}

/** The compiled kernels of dist/; builds them when they are missing or out of date. */
export async function loadKernelModules(): Promise<KernelModules> {
  const { build } = await import('../build/build.ts');
  await build({ only: 'kernels' });
  const load = (name: string) => compileWasm(join(distDir, 'kernels', `${name}.wasm`));
  return { relaxed: await load('relaxed'), simd: await load('simd') };
}

/** Shards as files. The loader checks their hashes. */
export class FileModelSource<
  M extends WeightedManifest = WeightedManifest,
> implements ModelSource<M> {
  readonly manifest: M;
  readonly #dir: string;

  constructor(dir: string, manifest: M) {
    this.#dir = dir;
    this.manifest = manifest;
  }

  async readShard(index: number, into: Uint8Array): Promise<void> {
    const shard = this.manifest.shards[index];
    if (shard === undefined) throw new EngineError('E_INTERNAL', `model: no shard ${index}.`);
    const path = join(this.#dir, shard.file);
    const fetchError = (what: string, cause?: unknown) =>
      new EngineError('E_WEIGHTS_FETCH', `${path}: ${what}. Import the model again.`, { cause });
    const file = await open(path).catch((cause: unknown) => {
      throw fetchError('cannot be opened', cause);
    });
    try {
      for (let at = 0; at < into.byteLength;) {
        const { bytesRead } = await file.read(into, at, into.byteLength - at, at);
        if (bytesRead === 0) {
          throw fetchError(`ends early; expected ${into.byteLength} bytes, got ${at}`);
        }
        at += bytesRead;
      }
    } finally {
      await file.close();
    }
  }
}

/** @throws {EngineError} E_WEIGHTS_FETCH, E_TOKENIZER. */
export async function readTokenizer(dir: string, manifest: WeightedManifest): Promise<Tokenizer> {
  const path = join(dir, manifest.tokenizer.file);
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new EngineError('E_WEIGHTS_FETCH', `${path}: cannot be read. Import the model again.`, {
      cause,
    });
  });
  return Tokenizer.parse(text, manifest.tokenizer);
}

export interface TextResult {
  readonly text: string;
  readonly tokens: readonly number[];
  readonly reason: FinishReason;
  readonly usage: GenerateUsage;
}

/** Runs one generation and hands its text out as it becomes certain. */
export async function generateText(
  { engine, tokenizer }: LocalModel,
  request: GenerateRequest,
  stops: readonly string[],
  signal: AbortSignal,
  onText: (text: string) => void,
): Promise<TextResult> {
  const { nEmbd } = engine.config;
  const detokenizer = new Detokenizer(tokenizer, {
    atTextStart: promptLength(request.prompt, nEmbd) === 0,
    special: false,
  });
  const matcher = new StopMatcher(stops);
  const tokens: number[] = [];
  let text = '';
  const emit = (part: string) => {
    text += part;
    if (part !== '') onText(part);
  };
  let usage: GenerateUsage | null = null;
  let reason: FinishReason = 'length';
  for await (const event of engine.generate(request, signal)) {
    if (event.type === 'done') {
      ({ reason, usage } = event);
    } else if (event.type === 'token') {
      tokens.push(event.token);
      const match = matcher.push(detokenizer.push(event.token));
      emit(match.text);
      if (match.stop !== null)
        return { text, tokens, reason: 'stop', usage: usageAtStop(nEmbd, request, tokens) };
    }
  }
  const last = matcher.push(detokenizer.flush());
  emit(last.text);
  if (last.stop === null) emit(matcher.flush());
  return { text, tokens, reason, usage: usage ?? usageAtStop(nEmbd, request, tokens) };
}

/** A generation that we ended ourselves reports no times. */
function usageAtStop(
  nEmbd: number,
  { prompt }: GenerateRequest,
  tokens: readonly number[],
): GenerateUsage {
  return {
    promptTokens: promptLength(prompt, nEmbd),
    cachedTokens: 0,
    completionTokens: tokens.length,
    draftedTokens: 0,
    acceptedTokens: 0,
    loadMs: 0,
    queueMs: 0,
    prefillMs: 0,
    decodeMs: 0,
  };
}
