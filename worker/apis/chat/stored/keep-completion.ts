/** Keeps a chat completion and its messages as a record. */
import { DAY_MS } from '../../../access/content/retention.ts';
import type { Caller } from '../../../platform/caller.ts';
import { newObjectId } from '../../../platform/storage/object-id.ts';
import { contentText } from '../../../serving/conversation/message.ts';
import type { Message } from '../../../serving/conversation/message.ts';
import { mapStrings } from '../../../serving/redaction/redact-request.ts';
import type { Redactor } from '../../../serving/redaction/redactor.ts';
import type { RecordsEnv } from '../../records/env.ts';
import { RECORD_KINDS, writeRecord } from '../../records/records.ts';
import type { ChatCompletionJson, ChatTurn } from '../answer-chat.ts';
import type { ChatBody } from '../schema.ts';
import type { StoredCompletionJson, StoredMessageJson } from './schema.ts';

/** As with OpenAI; RETENTION_DAYS may say less. */
const KEPT_DAYS = 30;

/** Fields of choices that hold texts. */
const TEXT_FIELDS: ReadonlySet<string> = new Set(['content', 'arguments']);

/** @param messages as the model reads them, redacted */
export function keptCompletion(
  env: RecordsEnv,
  caller: Caller,
  { metadata = {} }: ChatBody,
  messages: readonly Message[],
  redactor: Redactor | null,
): NonNullable<ChatTurn['kept']> {
  const id = newObjectId(RECORD_KINDS.completion);
  const items = messages.map((message, i) => messageJson(message, `${id}-${i}`));
  return {
    id,
    async keep(completion) {
      const choices =
        redactor === null ? completion.choices : await hidden(completion.choices, redactor);
      // Checked with the body.
      const pairs = metadata as Record<string, string>;
      const stored: StoredCompletionJson = { ...completion, choices, metadata: pairs };
      await writeRecord(env, caller, id, stored, items, KEPT_DAYS * DAY_MS);
    },
  };
}

/** The answer with placeholders again. Log-probabilities hold its tokens, and are left out. */
async function hidden(
  choices: ChatCompletionJson['choices'],
  redactor: Redactor,
): Promise<ChatCompletionJson['choices']> {
  const bare = choices.map((choice) => ({ ...choice, logprobs: null }));
  const hide = (text: string): Promise<string> => redactor.hide(text);
  const isText = (path: readonly string[]): boolean => TEXT_FIELDS.has(path.at(-1) ?? '');
  return (await mapStrings(bare, hide, isText)) as ChatCompletionJson['choices'];
}

function messageJson(message: Message, id: string): StoredMessageJson {
  const { role, content, name, tool_calls: calls, tool_call_id: answered } = message;
  return {
    ...{ id, role: role as StoredMessageJson['role'] },
    ...{ content: contentText(content), refusal: null },
    ...(name === undefined ? {} : { name }),
    ...(answered === undefined ? {} : { tool_call_id: answered }),
    ...(calls === undefined
      ? {}
      : {
          tool_calls: calls.map(({ id, function: { name, arguments: args } }) => ({
            ...{ id, type: 'function', function: { name, arguments: JSON.stringify(args) } },
          })),
        }),
  };
}
