/** Answers in the shape of llama.cpp's server. */
import type { GenerateUsage } from '../../../engine/generate/types.ts';
import { errorBody } from '../../http/error-response.ts';
import type { SseShape } from '../../http/sse.ts';
import type { Delta } from '../../serving/generation/run-generation.ts';
import type { z } from 'zod';
import type { llamaTimings, LlamaCompletionJson } from './schema.ts';

export const LLAMA_SSE: SseShape = { isNamed: false, last: null, failure: errorBody };

export function llamaTimingsJson({
  cachedTokens,
  promptTokens,
  prefillMs,
  completionTokens,
  decodeMs,
}: GenerateUsage): z.output<typeof llamaTimings> {
  const nPrompt = promptTokens - cachedTokens;
  const perSecond = (n: number, ms: number): number => (ms === 0 ? 0 : (1000 * n) / ms);
  const perToken = (n: number, ms: number): number => (n === 0 ? 0 : ms / n);
  return {
    cache_n: cachedTokens,
    prompt_n: nPrompt,
    prompt_ms: prefillMs,
    prompt_per_token_ms: perToken(nPrompt, prefillMs),
    prompt_per_second: perSecond(nPrompt, prefillMs),
    predicted_n: completionTokens,
    predicted_ms: decodeMs,
    predicted_per_token_ms: perToken(completionTokens, decodeMs),
    predicted_per_second: perSecond(completionTokens, decodeMs),
  };
}

export async function* completionEvents(
  model: string,
  deltas: AsyncIterable<Delta>,
): AsyncGenerator<LlamaCompletionJson, void, void> {
  for await (const delta of deltas) {
    if (delta.type === 'text')
      yield {
        ...{ content: delta.text, tokens: delta.tokens.map(({ token }) => token) },
        ...{ stop: false, model },
      };
    if (delta.type !== 'done') continue;
    const { reason, stop, usage } = delta;
    const stopType = stop !== null ? 'word' : reason === 'length' ? 'limit' : 'eos';
    yield {
      ...{ content: '', tokens: [], stop: true, model },
      tokens_predicted: usage.completionTokens,
      tokens_evaluated: usage.promptTokens,
      tokens_cached: usage.cachedTokens,
      stop_type: stopType,
      stopping_word: stop ?? '',
      truncated: false,
      timings: llamaTimingsJson(usage),
    };
  }
}

export async function wholeCompletion(
  model: string,
  deltas: AsyncIterable<Delta>,
): Promise<LlamaCompletionJson> {
  let content = '';
  const tokens: number[] = [];
  let last: LlamaCompletionJson | null = null;
  for await (const event of completionEvents(model, deltas)) {
    content += event.content;
    tokens.push(...event.tokens);
    last = event;
  }
  return { ...last!, content, tokens };
}
