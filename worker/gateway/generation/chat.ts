/**
 * A chat completion, streamed or whole: messages through the model's template, tokens to the stage,
 * text back in OpenAI's shapes. Knows nothing of sessions but what it is told to report.
 */
import type { FinishReason, GenerateUsage } from '../../../engine/generate/types.ts';
import type { ChatMessage } from '../../../engine/text/chat-template.ts';
import type { GatewayEnv } from '../env.ts';
import type { ServedModel } from '../model-store.ts';
import type { ChatBody } from '../schemas/chat.ts';
import { MAX_MAX_TOKENS, samplingParams } from '../schemas/common.ts';
import { generateEvents } from '../stage-client.ts';
import { refuseTooLong } from './prompt-length.ts';
import { sseResponse } from './sse.ts';
import { type TextEvent, textEvents } from './text-events.ts';
import { type ChatTokenJson, chatTokenJson } from './token-json.ts';
import { timingsJson, usageJson } from './usage.ts';

export interface ChatAnswer {
  readonly text: string;
  readonly usage: GenerateUsage;
}

export interface ChatTurn {
  readonly env: GatewayEnv;
  readonly model: ServedModel;
  readonly body: ChatBody;
  /** The whole conversation, the new messages last. */
  readonly messages: readonly ChatMessage[];
  readonly signal: AbortSignal;
  /** Reported in the answer when the turn belongs to a session. */
  readonly session?: { readonly id: string; readonly dropped_messages: number };
  /** Called when the answer is complete, before its last part goes out. */
  readonly onAnswer?: (answer: ChatAnswer) => void;
  /** Called once, however the turn ends. */
  readonly onEnd?: () => void;
}

/**
 * Token ids of a conversation, ready for the assistant's answer.
 * @throws {EngineError} E_TEMPLATE, E_PROMPT_TOO_LONG
 */
export function encodeChat(model: ServedModel, messages: readonly ChatMessage[]): number[] {
  const { tokenizer } = model;
  const { bosId, eosIds } = tokenizer.facts;
  const { text, sentinel } = model.chatTemplate().render(messages, {
    bosToken: tokenizer.literalOf(bosId),
    eosToken: tokenizer.literalOf(eosIds[0]),
    specialLiterals: tokenizer.specialLiterals,
  });
  refuseTooLong(model, text.length, 'messages');
  return tokenizer.encodeTemplate(text, sentinel);
}

export async function answerChat(turn: ChatTurn): Promise<Response> {
  const onEnd = turn.onEnd ?? (() => undefined);
  // A client that leaves cancels the response's stream; this ends what still waits below it.
  const abort = new AbortController();
  turn.signal.addEventListener('abort', () => abort.abort(), { once: true });
  const end = (): void => {
    abort.abort();
    onEnd();
  };
  try {
    if (turn.signal.aborted) abort.abort();
    const events = chatEvents(turn, abort.signal);
    if (turn.body.stream) return await sseResponse(chatChunks(turn, events), end);
    const response = Response.json(await wholeChat(turn, events));
    end();
    return response;
  } catch (error) {
    end();
    throw error;
  }
}

function chatEvents(turn: ChatTurn, signal: AbortSignal): AsyncGenerator<TextEvent, void, void> {
  const { env, model, body } = turn;
  const request = {
    promptTokens: encodeChat(model, turn.messages),
    maxTokens: body.max_completion_tokens ?? body.max_tokens ?? MAX_MAX_TOKENS,
    sampling: samplingParams(body, model.tokenizer),
    stopTokens: model.tokenizer.facts.eosIds,
    topLogprobs: body.logprobs ? (body.top_logprobs ?? 0) : null,
    promptLogprobs: false,
    speculation: body.speculation,
  };
  const events = generateEvents(env, model, request, signal, 'messages');
  // Without a template the answer goes on where the last message ended.
  const atTextStart = model.manifest.chatTemplate !== null;
  return textEvents(events, model.tokenizer, { stops: body.stop, atTextStart });
}

interface ChatHead {
  id: string;
  object: string;
  created: number;
  model: string;
}

function chatHead(turn: ChatTurn, object: string): ChatHead {
  return {
    id: `chatcmpl-${crypto.randomUUID()}`,
    object,
    created: Math.floor(Date.now() / 1000),
    model: turn.model.id,
  };
}

async function wholeChat(turn: ChatTurn, events: AsyncIterable<TextEvent>): Promise<unknown> {
  const { tokenizer } = turn.model;
  let content = '';
  const tokens: ChatTokenJson[] = [];
  for await (const event of events) {
    if (event.type === 'text') {
      content += event.text;
      tokens.push(...event.tokens.map((token) => chatTokenJson(tokenizer, token)));
    } else if (event.type === 'done') {
      turn.onAnswer?.({ text: content, usage: event.usage });
      const choice = {
        index: 0,
        message: { role: 'assistant', content, refusal: null },
        logprobs: turn.body.logprobs ? { content: tokens, refusal: null } : null,
        finish_reason: event.reason,
      };
      return {
        ...chatHead(turn, 'chat.completion'),
        choices: [choice],
        usage: usageJson(event.usage),
        ...extensions(turn, event.usage),
      };
    }
  }
  throw new Error('the events of a generation ended without "done"');
}

async function* chatChunks(
  turn: ChatTurn,
  events: AsyncIterable<TextEvent>,
): AsyncGenerator<unknown, void, void> {
  const { tokenizer } = turn.model;
  const head = chatHead(turn, 'chat.completion.chunk');
  const wantsUsage = turn.body.stream_options?.include_usage === true;
  const chunk = (delta: object, tokens: ChatTokenJson[], finishReason: FinishReason | null) => ({
    ...head,
    choices: [
      {
        index: 0,
        delta,
        logprobs: turn.body.logprobs ? { content: tokens, refusal: null } : null,
        finish_reason: finishReason,
      },
    ],
    ...(wantsUsage ? { usage: null } : {}),
  });
  let content = '';
  for await (const event of events) {
    if (event.type === 'start') {
      yield chunk({ role: 'assistant', content: '', refusal: null }, [], null);
    } else if (event.type === 'text') {
      content += event.text;
      const tokens = event.tokens.map((token) => chatTokenJson(tokenizer, token));
      yield chunk({ content: event.text }, tokens, null);
    } else if (event.type === 'done') {
      turn.onAnswer?.({ text: content, usage: event.usage });
      yield { ...chunk({}, [], event.reason), ...extensions(turn, event.usage) };
      if (wantsUsage) yield { ...head, choices: [], usage: usageJson(event.usage) };
    }
  }
}

/** What OpenAI's answers do not have. */
function extensions(turn: ChatTurn, usage: GenerateUsage): object {
  return {
    timings: timingsJson(usage),
    ...(turn.session === undefined ? {} : { session: turn.session }),
  };
}
