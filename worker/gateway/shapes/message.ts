/** An answer as Anthropic's message, streamed or whole. */
import type { GenerateUsage } from '../../../engine/generate/types.ts';
import { anthropicErrorBody } from '../error-response.ts';
import type { Delta } from '../generation/run-generation.ts';
import type { ServedModel } from '../model-store.ts';
import type { MessageEventJson, MessageJson } from '../schemas/messages.ts';
import { resourcesJson } from './resources.ts';
import type { SseShape } from './sse.ts';
import { timingsJson } from './usage.ts';

export const MESSAGES_SSE: SseShape = { isNamed: true, last: null, failure: anthropicErrorBody };

type Done = Extract<Delta, { type: 'done' }>;

export async function* messageEvents(
  model: ServedModel,
  deltas: AsyncIterable<Delta>,
): AsyncGenerator<MessageEventJson, void, void> {
  for await (const delta of deltas) {
    if (delta.type === 'start') {
      yield { type: 'message_start', message: emptyMessage(model, delta.usage) };
      yield { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } };
    } else if (delta.type === 'text' && delta.text !== '') {
      const { text } = delta;
      yield { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } };
    } else if (delta.type === 'done') {
      yield { type: 'content_block_stop', index: 0 };
      yield {
        type: 'message_delta',
        delta: stopJson(delta),
        usage: messageUsage(delta.usage),
        ...extensions(model, delta.usage),
      };
      yield { type: 'message_stop' };
    }
  }
}

export async function wholeMessage(
  model: ServedModel,
  deltas: AsyncIterable<Delta>,
): Promise<MessageJson> {
  let text = '';
  for await (const delta of deltas) {
    if (delta.type === 'text') text += delta.text;
    if (delta.type !== 'done') continue;
    return {
      ...emptyMessage(model, delta.usage),
      content: [{ type: 'text', text }],
      ...stopJson(delta),
      ...extensions(model, delta.usage),
    };
  }
  throw new Error('the deltas of a generation ended without "done"');
}

function emptyMessage(
  model: ServedModel,
  usage: GenerateUsage,
): Omit<MessageJson, 'timings' | 'resources'> {
  return {
    id: `msg_${crypto.randomUUID().replaceAll('-', '')}`,
    type: 'message',
    role: 'assistant',
    model: model.id,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: messageUsage(usage),
  };
}

function stopJson({ reason, stop }: Done) {
  if (reason === 'length') return { stop_reason: 'max_tokens' as const, stop_sequence: null };
  const stopReason = stop === null ? ('end_turn' as const) : ('stop_sequence' as const);
  return { stop_reason: stopReason, stop_sequence: stop };
}

function messageUsage(usage: GenerateUsage): MessageJson['usage'] {
  return {
    input_tokens: usage.promptTokens - usage.cachedTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: usage.cachedTokens,
    output_tokens: usage.completionTokens,
  };
}

function extensions(model: ServedModel, usage: GenerateUsage) {
  return { timings: timingsJson(usage), resources: resourcesJson(model.manifest, [usage]) };
}
