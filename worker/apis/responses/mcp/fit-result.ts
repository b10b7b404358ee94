/** Results of tools, cut to what the context has room for. */
import type { Caller } from '../../../platform/caller.ts';
import { stageStatus } from '../../../serving/clients/stage-client.ts';
import type { ServingEnv } from '../../../serving/env.ts';
import { cutText } from '../../../serving/mcp/result-text.ts';
import type { ServedModel } from '../../../serving/models/model-store.ts';

/** A result takes this part of the context at most; this part is kept for the answer. */
const RESULT_SHARE = 1 / 4;
const ANSWER_SHARE = 1 / 8;
/** What the template puts around a result, and the note that it was cut. */
const FRAME_TOKENS = 48;
const LEAST_TOKENS = 16;
/** Tokens of ordinary text have fewer; a longer result is not counted whole. */
const MAX_TOKEN_CHARS = 8;

/** @param nUsed tokens of the conversation before the results @param nResult results that share what is left */
export type FitResult = (text: string, nUsed: number, nResult: number) => string;

export async function resultFitter(
  env: ServingEnv,
  caller: Caller,
  model: ServedModel,
): Promise<FitResult> {
  const { nCtx } = await stageStatus(env, caller, model);
  return (text, nUsed, nResult) => {
    const left = nCtx * (1 - ANSWER_SHARE) - nUsed - nResult * FRAME_TOKENS;
    const most = Math.max(LEAST_TOKENS, Math.min(nCtx * RESULT_SHARE, left / nResult));
    const head = text.slice(0, Math.floor(most * MAX_TOKEN_CHARS));
    const nToken = model.tokenizer.encode(head, { special: false }).length;
    const share = Math.min(1, most / Math.max(1, nToken));
    return cutText(text, Math.floor(head.length * share));
  };
}
