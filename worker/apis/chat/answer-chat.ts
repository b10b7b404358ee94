/** An answer as OpenAI's chat completion, streamed or whole. */
import type { Caller } from '../../platform/caller.ts';
import type { GenerateUsage } from '../../../engine/generate/types.ts';
import { contentText } from '../../serving/conversation/message.ts';
import type { Message } from '../../serving/conversation/message.ts';
import type { ServingEnv } from '../../serving/env.ts';
import { generationParams } from '../../serving/generation/params.ts';
import { runChat } from '../../serving/generation/run-chat.ts';
import type { Delta } from '../../serving/generation/run-generation.ts';
import type { AnswerReason } from '../../serving/generation/text-events.ts';
import { chatTools, customNames } from '../../serving/output/api-tools.ts';
import { withInputs } from '../../serving/output/custom-input.ts';
import { chatFormat } from '../../serving/output/constraint.ts';
import type { Citation } from '../retrieval/retrieve.ts';
import { markCited } from '../retrieval/retrieve.ts';
import { claimsJson } from '../retrieval/claims-json.ts';
import { type AnswerCheck, checked } from '../../serving/grounding/check-claims.ts';
import type { ServedModel } from '../../serving/models/model-store.ts';
import type { RequestRecord } from '../../http/observe/record.ts';
import type { ChatBody } from './schema.ts';
import { withHeaders } from '../../http/with-headers.ts';
import { redactedHeaders } from '../../serving/redaction/redact-request.ts';
import type { Redactor } from '../../serving/redaction/redactor.ts';
import { restoreOutput } from '../../serving/redaction/restore-output.ts';
import type { ImageJson } from '../../serving/vision/fields.ts';
import { answer } from '../../http/answer.ts';
import { resourcesJson } from '../../serving/accounting/resources.ts';
import { OPENAI_SSE } from '../../http/sse.ts';
import {
  type ChatTokenJson,
  chatTokenJson,
  type PromptTokenJson,
  promptTokenJson,
} from './token-json.ts';
import { joinChoices, timingsJson, usageJson } from '../../serving/accounting/usage.ts';

export interface ChatAnswer {
  readonly text: string;
  readonly usage: GenerateUsage;
}

/** What an answer says of the session that it is kept in. */
export interface SessionReport {
  readonly id: string;
  readonly dropped_messages: number;
  /** Number of the answer among those of the session, from 1; absent for one that is not kept. */
  readonly turn?: number;
}

export interface ChatTurn {
  readonly env: ServingEnv;
  readonly caller: Caller;
  readonly model: ServedModel;
  readonly body: ChatBody;
  /** The whole conversation, the new messages last. */
  readonly messages: readonly Message[];
  readonly signal: AbortSignal;
  readonly record: RequestRecord;
  /** What has redacted the messages; null for nothing. */
  readonly redactor: Redactor | null;
  /** Reported in the answer to a turn of a session. */
  readonly session?: SessionReport;
  /** Pictures that the model was given as words. */
  readonly images?: readonly ImageJson[];
  /** Passages from a collection that the model was given. */
  readonly citations?: readonly Citation[];
  /** Checks the answer against them; null where it passes unchecked. */
  readonly check?: AnswerCheck | null;
  /** Where the answer is kept: its id, and what keeps it before its last part is sent. */
  readonly kept?: {
    readonly id: string;
    readonly keep: (completion: ChatCompletionJson) => Promise<void>;
  };
  /** Called when the (only) choice is complete, before its last part is sent. */
  readonly onAnswer?: (answer: ChatAnswer) => Promise<void>;
  /** Called once, however the turn ends. */
  readonly onEnd?: () => void;
}

export async function answerChat(turn: ChatTurn): Promise<Response> {
  const { env, caller, model, body, record, signal, redactor } = turn;
  const { messages, prefill } = promptOf(turn);
  const tools = chatTools(body);
  const params = await generationParams(
    body,
    {
      maxTokens: body.max_completion_tokens ?? body.max_tokens,
      topLogprobs: nTopOf(body),
      promptLogprobs: body.prompt_logprobs !== undefined,
      nChoice: body.n,
      format: chatFormat(body.response_format),
      tools,
    },
    model,
  );
  const response = await answer({
    ...{ modelId: model.id, signal, record, stream: body.stream, sse: OPENAI_SSE },
    run: (ended, onWaiting) => {
      const made = runChat({
        ...{ env, caller, model, messages, prefill, params, promptField: 'messages' },
        ...{ signal: ended, onWaiting, tools: tools?.tools ?? [] },
        variables: body.chat_template_kwargs ?? {},
      });
      return withInputs(customNames(body), checked(turn.check, restoreOutput(redactor, made)));
    },
    chunks: (deltas) => chatChunks(turn, deltas),
    whole: (deltas) => wholeChat(turn, deltas),
    ...(turn.onEnd === undefined ? {} : { onEnd: turn.onEnd }),
  });
  return withHeaders(response, redactedHeaders(redactor));
}

/** The messages before the answer, and the beginning of the answer. */
function promptOf({ body, messages }: ChatTurn): {
  readonly messages: readonly Message[];
  readonly prefill: string;
} {
  const last = messages.at(-1);
  if (!body.continue_final_message || last === undefined) return { messages, prefill: '' };
  return { messages: messages.slice(0, -1), prefill: contentText(last.content) };
}

/** Alternatives a token that are asked for: the most of those for the answer and for the prompt; null for none. */
function nTopOf({ logprobs, top_logprobs: nTop = 0, prompt_logprobs: nPrompt }: ChatBody) {
  if (!logprobs && nPrompt === undefined) return null;
  return Math.max(logprobs ? nTop : 0, nPrompt ?? 0);
}

interface ChatHead {
  id: string;
  object: string;
  created: number;
  model: string;
}

function chatHead(turn: ChatTurn, object: string): ChatHead {
  return {
    id: turn.kept?.id ?? `chatcmpl-${crypto.randomUUID()}`,
    object,
    created: Math.floor(Date.now() / 1000),
    model: turn.model.id,
  };
}

/** A call whose arguments, or input, will follow. */
type ChatCallJson =
  | {
      readonly id: string;
      readonly type: 'function';
      readonly function: { readonly name: string; arguments: string };
    }
  | {
      readonly id: string;
      readonly type: 'custom';
      readonly custom: { readonly name: string; input: string };
    };

function callJson({ body }: ChatTurn, id: string, name: string): ChatCallJson {
  return customNames(body).has(name)
    ? { id, type: 'custom', custom: { name, input: '' } }
    : { id, type: 'function', function: { name, arguments: '' } };
}

/** Adds to the end of a call. */
function extend(call: ChatCallJson, text: string): void {
  if (call.type === 'custom') call.custom.input += text;
  else call.function.arguments += text;
}

/** A choice, as far as it has been generated. */
interface Choice {
  content: string;
  readonly tokens: ChatTokenJson[];
  readonly calls: ChatCallJson[];
  reason: AnswerReason | null;
}

const noChoices = ({ body }: ChatTurn): Choice[] =>
  Array.from({ length: body.n }, () => ({ content: '', tokens: [], calls: [], reason: null }));

/** Adds a part of an answer to its choice. */
function take(choice: Choice, delta: Delta, turn: ChatTurn): void {
  if (delta.type === 'text') {
    choice.content += delta.text;
    const { tokenizer } = turn.model;
    const nTop = turn.body.top_logprobs ?? 0;
    choice.tokens.push(...delta.tokens.map((token) => chatTokenJson(tokenizer, token, nTop)));
  } else if (delta.type === 'call') {
    choice.calls.push(callJson(turn, delta.id, delta.name));
  } else if (delta.type === 'arguments') {
    extend(choice.calls[delta.index]!, delta.text);
  } else if (delta.type === 'done') {
    choice.reason = delta.reason;
  }
}

async function wholeChat(
  turn: ChatTurn,
  deltas: AsyncIterable<Delta>,
): Promise<ChatCompletionJson> {
  const choices = noChoices(turn);
  const usages: GenerateUsage[] = [];
  let prompt: (PromptTokenJson | null)[] | null = null;
  for await (const delta of deltas) {
    const choice = choices[delta.choice];
    if (choice === undefined) continue;
    take(choice, delta, turn);
    if (delta.type === 'prompt') prompt = promptJson(turn.model, delta.logprobs);
    if (delta.type !== 'done') continue;
    usages.push(delta.usage);
    await turn.onAnswer?.({ text: choice.content, usage: delta.usage });
  }
  const completion = {
    ...completionOf(turn, chatHead(turn, 'chat.completion'), choices, usages),
    ...(prompt === null ? {} : { prompt_logprobs: prompt }),
  };
  await turn.kept?.keep(completion);
  return completion;
}

function promptJson(
  { tokenizer }: ServedModel,
  logprobs: Extract<Delta, { type: 'prompt' }>['logprobs'],
): (PromptTokenJson | null)[] {
  return logprobs.map((entry) => (entry === null ? null : promptTokenJson(tokenizer, entry)));
}

export type ChatCompletionJson = ReturnType<typeof completionOf>;

function completionOf(
  turn: ChatTurn,
  head: ChatHead,
  choices: readonly Choice[],
  usages: readonly GenerateUsage[],
) {
  return {
    ...head,
    object: 'chat.completion' as const,
    choices: choices.map(({ content, tokens, calls, reason }, index) => ({
      index,
      message: {
        role: 'assistant' as const,
        // As in OpenAI's API: content without text is null next to calls, not ''.
        content: calls.length > 0 && content === '' ? null : content,
        refusal: null,
        ...(calls.length === 0 ? {} : { tool_calls: calls }),
      },
      logprobs: turn.body.logprobs ? { content: tokens, refusal: null } : null,
      finish_reason: reason,
    })),
    usage: usageJson(joinChoices(usages)),
    ...extensions(
      turn,
      usages,
      choices.map(({ content }) => content),
    ),
  };
}

async function* chatChunks(
  turn: ChatTurn,
  deltas: AsyncIterable<Delta>,
): AsyncGenerator<unknown, void, void> {
  const { tokenizer } = turn.model;
  const head = chatHead(turn, 'chat.completion.chunk');
  const wantsUsage = turn.body.stream_options?.include_usage === true;
  const chunk = (
    index: number,
    delta: object,
    tokens: ChatTokenJson[],
    finishReason: AnswerReason | null,
  ) => ({
    ...head,
    choices: [
      {
        index,
        delta,
        logprobs: turn.body.logprobs ? { content: tokens, refusal: null } : null,
        finish_reason: finishReason,
      },
    ],
    ...(wantsUsage ? { usage: null } : {}),
  });
  const usages: GenerateUsage[] = [];
  // As in OpenAI's API: an answer that has to be a call has no text, rather than ''.
  const begins = mustCall(turn.body) ? null : '';
  const choices = noChoices(turn);
  for await (const delta of deltas) {
    const { choice } = delta;
    const soFar = choices[choice];
    if (soFar === undefined) continue;
    take(soFar, delta, turn);
    if (delta.type === 'start') {
      yield chunk(choice, { role: 'assistant', content: begins, refusal: null }, [], null);
    } else if (delta.type === 'text') {
      const tokens = delta.tokens.map((token) => chatTokenJson(tokenizer, token));
      yield chunk(choice, { content: delta.text }, tokens, null);
    } else if (delta.type === 'call') {
      const call = { index: delta.index, ...callJson(turn, delta.id, delta.name) };
      yield chunk(choice, { tool_calls: [call] }, [], null);
    } else if (delta.type === 'arguments') {
      const { index, text } = delta;
      const isCustom = soFar.calls[index]?.type === 'custom';
      const more = {
        index,
        ...(isCustom ? { custom: { input: text } } : { function: { arguments: text } }),
      };
      yield chunk(choice, { tool_calls: [more] }, [], null);
    } else if (delta.type === 'done') {
      usages.push(delta.usage);
      await turn.onAnswer?.({ text: soFar.content, usage: delta.usage });
      const isLast = usages.length === turn.body.n;
      if (isLast) await turn.kept?.keep(completionOf(turn, head, choices, usages));
      const contents = choices.map(({ content }) => content);
      yield {
        ...chunk(choice, {}, [], delta.reason),
        ...(isLast ? extensions(turn, usages, contents) : {}),
      };
    }
  }
  if (wantsUsage) yield { ...head, choices: [], usage: usageJson(joinChoices(usages)) };
}

function mustCall({ tool_choice: choice = 'auto', response_format: format }: ChatBody): boolean {
  return choice !== 'auto' && choice !== 'none' && (format?.type ?? 'text') === 'text';
}

/** Fields that OpenAI's answers do not have. */
function extensions(
  turn: ChatTurn,
  usages: readonly GenerateUsage[],
  contents: readonly string[],
): object {
  return {
    timings: timingsJson(joinChoices(usages)),
    resources: resourcesJson(turn.model.manifest, usages),
    ...(turn.images === undefined || turn.images.length === 0 ? {} : { images: turn.images }),
    ...(turn.citations === undefined ? {} : { citations: markCited(turn.citations, contents) }),
    ...(turn.check == null ? {} : { claims: claimsJson(turn.check.claims, turn.citations ?? []) }),
    ...(turn.session === undefined ? {} : { session: turn.session }),
  };
}
