/** An answer as Anthropic's message, streamed or whole. */
import type { GenerateUsage } from '../../../engine/generate/types.ts';
import { anthropicErrorBody } from '../../http/error-response.ts';
import type { Delta } from '../../serving/generation/run-generation.ts';
import type { ServedModel } from '../../serving/models/model-store.ts';
import type { MessageEventJson, MessageJson } from './schema.ts';
import { MessageBlocks } from './blocks.ts';
import { resourcesJson } from '../../serving/accounting/resources.ts';
import type { SseShape } from '../../http/sse.ts';
import type { ImageJson } from '../../serving/vision/fields.ts';
import { timingsJson } from '../../serving/accounting/usage.ts';

export const MESSAGES_SSE: SseShape = { isNamed: true, last: null, failure: anthropicErrorBody };

type Done = Extract<Delta, { type: 'done' }>;

export async function* messageEvents(
  model: ServedModel,
  deltas: AsyncIterable<Delta>,
  images: readonly ImageJson[] = [],
): AsyncGenerator<MessageEventJson, void, void> {
  const blocks = new MessageBlocks();
  for await (const delta of deltas) {
    if (delta.type === 'start') {
      yield { type: 'message_start', message: emptyMessage(model, delta.usage) };
    } else if (delta.type === 'done') {
      yield* blocks.end();
      yield {
        type: 'message_delta',
        delta: stopJson(delta),
        usage: messageUsage(delta.usage),
        ...extensions(model, delta.usage, images),
      };
      yield { type: 'message_stop' };
    } else yield* blockEvents(blocks, delta);
  }
}

export async function wholeMessage(
  model: ServedModel,
  deltas: AsyncIterable<Delta>,
  images: readonly ImageJson[] = [],
): Promise<MessageJson> {
  const blocks = new MessageBlocks();
  for await (const delta of deltas) {
    if (delta.type !== 'done') {
      for (const _event of blockEvents(blocks, delta));
      continue;
    }
    for (const _event of blocks.end());
    return {
      ...emptyMessage(model, delta.usage),
      content: blocks.all,
      ...stopJson(delta),
      ...extensions(model, delta.usage, images),
    };
  }
  throw new Error('the deltas of a generation ended without "done"');
}

function* blockEvents(
  blocks: MessageBlocks,
  delta: Delta,
): Generator<MessageEventJson, void, void> {
  if (delta.type === 'text') yield* blocks.addText(delta.text);
  else if (delta.type === 'call') yield* blocks.addCall(delta.id, delta.name);
  else if (delta.type === 'arguments') yield* blocks.addArguments(delta.text);
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
  if (reason === 'content_filter') return { stop_reason: 'refusal' as const, stop_sequence: null };
  if (reason === 'tool_calls') return { stop_reason: 'tool_use' as const, stop_sequence: null };
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

function extensions(model: ServedModel, usage: GenerateUsage, images: readonly ImageJson[]) {
  return {
    timings: timingsJson(usage),
    resources: resourcesJson(model.manifest, [usage]),
    ...(images.length === 0 ? {} : { images: [...images] }),
  };
}
