/** Conversations that responses continue: what came before a response, and what it adds. */
import type { Caller } from '../../platform/caller.ts';
import type { RecordsEnv } from '../records/env.ts';
import { appendItems, readItems } from '../records/records.ts';
import type { ResponsesEnv } from './env.ts';
import { conversationOutput, readConversation } from './input.ts';
import type { InputItemJson } from './item-schema.ts';
import type { ResponseJob } from './run-response.ts';
import type { ResponseBody, ResponseJson } from './schema.ts';

/** @throws {EngineError} E_NOT_FOUND, E_REQUEST_INVALID */
export async function readHistory(
  env: Pick<ResponsesEnv, 'RESPONSES'> & RecordsEnv,
  caller: Caller,
  { previous_response_id: previous, conversation }: ResponseBody,
): Promise<InputItemJson[]> {
  if (conversation === undefined) return await readConversation(env, caller, previous);
  return await readItems<InputItemJson>(env, caller, 'conversation', conversation);
}

/** Adds a finished turn to its conversation, if it has one: what was sent, and the answer. */
export async function keepTurn(
  env: RecordsEnv,
  { caller, body, input, nNew }: Pick<ResponseJob, 'caller' | 'body' | 'input' | 'nNew'>,
  response: ResponseJson,
): Promise<void> {
  const { status, output } = response;
  if (body.conversation === undefined) return;
  if (status !== 'completed' && status !== 'incomplete') return;
  const items = [...input.slice(input.length - nNew), ...conversationOutput(output)];
  await appendItems(env, caller, 'conversation', body.conversation, items);
}
