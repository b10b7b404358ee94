/** A conversation fitted into a model's context: its oldest turns are left out until it fits. */
import type { CallContext } from '../../platform/failure.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import type { Message } from '../conversation/message.ts';
import type { ServingEnv } from '../env.ts';
import { encodeChat } from './run-chat.ts';
import type { ServedModel } from '../models/model-store.ts';
import type { Tool } from '../output/tools.ts';
import { stageStatus } from '../clients/stage-client.ts';
import { fitHistory, type FittedHistory } from './fit-history.ts';

/** Share of the context kept free for the answer when old turns have to go. */
const ANSWER_SHARE = 1 / 4;

/** @param wantedTokens of the answer; undefined for as many as there are. */
export async function fitToContext(
  env: ServingEnv,
  call: CallContext,
  model: ServedModel,
  history: readonly Message[],
  fresh: readonly Message[],
  wantedTokens: number | undefined,
  tools: readonly Tool[] = [],
): Promise<FittedHistory<Message>> {
  const { nCtx } = await stageStatus(env, call, model);
  const reserve = Math.min(wantedTokens ?? nCtx, Math.floor(nCtx * ANSWER_SHARE));
  const countTokens = (messages: readonly Message[]): number => {
    try {
      return encodeChat(model, messages, { tools }).length;
    } catch (error) {
      if (error instanceof EngineError && error.code === 'E_PROMPT_TOO_LONG') return Infinity;
      throw error;
    }
  };
  return fitHistory(history, fresh, countTokens, nCtx - reserve);
}
