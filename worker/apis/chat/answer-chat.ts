/** An answer as OpenAI's chat completion, streamed or whole. */
import type { Caller } from '../../platform/caller.ts';
import type { GenerateUsage } from '../../../engine/generate/types.ts';
import type { Message } from '../../serving/conversation/message.ts';
import type { ServingEnv } from '../../serving/env.ts';
import { generationParams } from '../../serving/generation/params.ts';
import { runChat } from '../../serving/generation/run-chat.ts';
import type { Delta } from '../../serving/generation/run-generation.ts';
import type { AnswerReason } from '../../serving/generation/text-events.ts';
import { chatTools } from '../../serving/output/api-tools.ts';
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
import { answer } from '../../http/answer.ts';
import { resourcesJson } from '../../serving/accounting/resources.ts';
import { OPENAI_SSE } from '../../http/sse.ts';
import { type ChatTokenJson, chatTokenJson } from './token-json.ts';
import { joinChoices, timingsJson, usageJson } from '../../serving/accounting/usage.ts';

export interface ChatAnswer {
  readonly text: string;
  readonly usage: GenerateUsage;
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
  readonly session?: { readonly id: string; readonly dropped_messages: number };
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
  const { env, caller, model, body, messages, record, signal, redactor } = turn;
  const tools = chatTools(body);
  const params = await generationParams(
    body,
    {
      maxTokens: body.max_completion_tokens ?? body.max_tokens,
      topLogprobs: body.logprobs ? (body.top_logprobs ?? 0) : null,
      nChoice: body.n,
      format: chatFormat(body.response_format),
      tools,
    },
    model,
  );
  const response = await answer({
    ...{ modelId: model.id, signal, record, stream: body.stream, sse: OPENAI_SSE },
    run: (ended, onWaiting) =>
      checked(
        turn.check,
        restoreOutput(
          redactor,
          runChat({
            ...{ env, caller, model, messages, params, promptField: 'messages' },
            ...{ signal: ended, onWaiting, tools: tools?.tools ?? [] },
          }),
        ),
      ),
    chunks: (deltas) => chatChunks(turn, deltas),
    whole: (deltas) => wholeChat(turn, deltas),
    ...(turn.onEnd === undefined ? {} : { onEnd: turn.onEnd }),
  });
  return withHeaders(response, redactedHeaders(redactor));
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

/** A call whose arguments will follow. */
function callJson(id: string, name: string) {
  return { id, type: 'function' as const, function: { name, arguments: '' } };
}
type ChatCallJson = ReturnType<typeof callJson>;

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
function take(choice: Choice, delta: Delta, { tokenizer }: ServedModel): void {
  if (delta.type === 'text') {
    choice.content += delta.text;
    choice.tokens.push(...delta.tokens.map((token) => chatTokenJson(tokenizer, token)));
  } else if (delta.type === 'call') {
    choice.calls.push(callJson(delta.id, delta.name));
  } else if (delta.type === 'arguments') {
    choice.calls[delta.index]!.function.arguments += delta.text;
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
  for await (const delta of deltas) {
    const choice = choices[delta.choice];
    if (choice === undefined) continue;
    take(choice, delta, turn.model);
    if (delta.type !== 'done') continue;
    usages.push(delta.usage);
    await turn.onAnswer?.({ text: choice.content, usage: delta.usage });
  }
  const completion = completionOf(turn, chatHead(turn, 'chat.completion'), choices, usages);
  await turn.kept?.keep(completion);
  return completion;
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
    take(soFar, delta, turn.model);
    if (delta.type === 'start') {
      yield chunk(choice, { role: 'assistant', content: begins, refusal: null }, [], null);
    } else if (delta.type === 'text') {
      const tokens = delta.tokens.map((token) => chatTokenJson(tokenizer, token));
      yield chunk(choice, { content: delta.text }, tokens, null);
    } else if (delta.type === 'call') {
      const call = { index: delta.index, ...callJson(delta.id, delta.name) };
      yield chunk(choice, { tool_calls: [call] }, [], null);
    } else if (delta.type === 'arguments') {
      const { index, text } = delta;
      const more = { index, function: { arguments: text } };
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
    ...(turn.citations === undefined ? {} : { citations: markCited(turn.citations, contents) }),
    ...(turn.check == null ? {} : { claims: claimsJson(turn.check.claims, turn.citations ?? []) }),
    ...(turn.session === undefined ? {} : { session: turn.session }),
  };
}
