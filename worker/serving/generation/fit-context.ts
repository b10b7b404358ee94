/** Fits a conversation into a model's context by leaving out its oldest turns. */
import type { CallContext } from '../../platform/failure.ts';
import { inTurns } from '../../../engine/base/turns.ts';
import type { Steps } from '../../../engine/base/turns.ts';
import { takeTurn } from '../../platform/turns.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { isMedia, type Message } from '../conversation/message.ts';
import type { ServingEnv } from '../env.ts';
import { mediaPositions } from '../senses/marks.ts';
import { sensesOf } from '../senses/senses.ts';
import { MAX_PICTURES } from '../vision/picture-bytes.ts';
import { chatSteps } from './run-chat.ts';
import type { ServedModel } from '../models/model-store.ts';
import type { Tool } from '../output/tools.ts';
import { stageStatus } from '../clients/stage-client.ts';
import { fitHistorySteps, type FittedHistory } from './fit-history.ts';

/** Share of the context that is kept free for the answer when turns must be left out. */
const ANSWER_SHARE = 1 / 4;

/** @param wantedTokens tokens of the answer; undefined for as many as fit */
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
  const countTokens = function* (messages: readonly Message[]): Steps<number> {
    if (messages.flatMap(({ content }) => content.filter(isMedia)).length > MAX_PICTURES)
      return Infinity;
    try {
      const ids = yield* chatSteps(model, messages, { tools });
      return ids.length + mediaPositions(messages, sensesOf(model));
    } catch (error) {
      if (error instanceof EngineError && error.code === 'E_PROMPT_TOO_LONG') return Infinity;
      throw error;
    }
  };
  const steps = fitHistorySteps(history, fresh, countTokens, nCtx - reserve);
  return await inTurns(steps, takeTurn);
}
