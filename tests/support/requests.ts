/** Requests of engine tests: greedy, from the beginning of a text. */
import { tokenPrompt } from '../../engine/generate/prompt.ts';
import { DEFAULT_SAMPLING } from '../../engine/sample/params.ts';
import type { GenerateRequest } from '../../engine/generate/types.ts';

export const BOS = 1;
export const GREEDY = { ...DEFAULT_SAMPLING, temperature: 0 };

/** Fields of a request; `promptTokens` is a prompt of plain ids. */
export type RequestChanges = Partial<GenerateRequest> & {
  readonly promptTokens?: readonly number[];
};

export function request({ promptTokens, ...changes }: RequestChanges = {}): GenerateRequest {
  return {
    prompt: tokenPrompt(promptTokens ?? [BOS]),
    maxTokens: 40,
    sampling: GREEDY,
    stopTokens: [],
    topLogprobs: null,
    promptLogprobs: false,
    ...changes,
  };
}
