/** Pictures of a chat as words, where there are any: what its model reads. */
import type { Caller } from '../../platform/caller.ts';
import type { Message } from '../../serving/conversation/message.ts';
import type { ServingEnv } from '../../serving/env.ts';
import { defaultModelId } from '../../serving/models/model-names.ts';
import { findModel } from '../../serving/models/model-store.ts';
import { senseNames } from '../../serving/senses/senses.ts';
import { describeConversation, hasPictures } from '../../serving/vision/describe-messages.ts';
import type { DescribedMessages } from '../../serving/vision/describe-messages.ts';
import type { VisionField } from '../../serving/vision/fields.ts';
import { keepPictures } from '../../serving/vision/keep-pictures.ts';
import { CHAT_PARTS } from './schema.ts';

export interface ShownChat {
  readonly messages: readonly Message[];
  /** Id of the model; the default one when it is undefined. */
  readonly model?: string | undefined;
  readonly vision?: VisionField;
  /** One that keeps the turn. */
  readonly session?: string | undefined;
  readonly store?: boolean | null | undefined;
}

/** @throws {EngineError} E_MODEL_NOT_FOUND; as describeMessages does */
export async function describeChat(
  env: ServingEnv,
  caller: Caller,
  { messages, model, vision, session, store }: ShownChat,
  signal: AbortSignal,
): Promise<DescribedMessages> {
  if (!hasPictures(messages)) return { messages, images: [] };
  const found = await findModel(env.MODELS, model ?? (await defaultModelId(env)), caller);
  const request = { env, caller, model: found, vision, names: CHAT_PARTS, signal };
  const isKept = session !== undefined && store !== false && senseNames(found).has('image');
  const shown = isKept ? await keepPictures(request, messages) : messages;
  return await describeConversation(request, shown);
}
