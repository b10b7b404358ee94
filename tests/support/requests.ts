/** Requests of engine tests: greedy, from the beginning of a text. */
import { DEFAULT_SAMPLING } from '../../engine/sample/params.ts';
import type { GenerateRequest } from '../../engine/generate/types.ts';

export const BOS = 1;
export const GREEDY = { ...DEFAULT_SAMPLING, temperature: 0 };

export function request(changes: Partial<GenerateRequest> = {}): GenerateRequest {
  return {
    promptTokens: [BOS],
    maxTokens: 40,
    sampling: GREEDY,
    stopTokens: [],
    topLogprobs: null,
    promptLogprobs: false,
    ...changes,
  };
}
