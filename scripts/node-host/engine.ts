/**
 * The engine in this Node process over a model in the user's models folder: what `generate`, `chat`,
 * `bench` and `eval` run. The same engine code, kernels and shards as in the Worker.
 */
import { Engine } from '../../engine/generate/engine.ts';
import type { EngineOptions } from '../../engine/generate/engine.ts';
import { promptLength } from '../../engine/generate/prompt.ts';
import type { FinishReason, GenerateRequest, GenerateUsage } from '../../engine/generate/types.ts';
import { Detokenizer } from '../../engine/text/detokenizer.ts';
import { StopMatcher } from '../../engine/text/stop-strings.ts';
import { loadLocal } from './load-local.ts';
import type { Local } from './load-local.ts';

export type LocalModel = Local<'decoder', Engine>;

/** Loads `<modelsRoot>/<id>`. @throws {EngineError} as `loadLocal` does */
export function loadLocalModel(
  id: string,
  options: EngineOptions = {},
  modelsRoot?: string,
): Promise<LocalModel> {
  return loadLocal(
    'decoder',
    (source, modules, host) => Engine.load(source, modules, { ...host, ...options }),
    id,
    modelsRoot,
  );
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

/** `12 tokens, 20 drafted, 9 of them accepted`: what a draft model achieved. */
export function draftLine({
  completionTokens,
  draftedTokens,
  acceptedTokens,
}: GenerateUsage): string {
  return `${completionTokens} tokens, ${draftedTokens} drafted, ${acceptedTokens} of them accepted`;
}

export interface TextResult {
  readonly text: string;
  readonly tokens: readonly number[];
  readonly reason: FinishReason;
  readonly usage: GenerateUsage;
}

/** Runs one generation and passes its text on as soon as no stop text can change it. */
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

/** Usage of a generation that a stop text ended: the engine reports no times for it. */
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
