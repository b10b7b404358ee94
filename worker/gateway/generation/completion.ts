/** Plain completions, streamed or whole, of one prompt or several, with echo and log-probabilities. */
import { NO_USAGE } from '../../../engine/generate/types.ts';
import type { FinishReason, GenerateUsage } from '../../../engine/generate/types.ts';
import type { GatewayEnv } from '../env.ts';
import type { ServedModel } from '../model-store.ts';
import { samplingParams } from '../schemas/common.ts';
import { type CompletionBody, listPrompts, type Prompt } from '../schemas/completions.ts';
import { generateEvents } from '../stage-client.ts';
import { refuseTooLong } from './prompt-length.ts';
import { sseResponse } from './sse.ts';
import { textEvents } from './text-events.ts';
import { joinLegacy, LegacyLogprobs, type LegacyLogprobsJson } from './token-json.ts';
import { addUsage, timingsJson, usageJson } from './usage.ts';

/** OpenAI's default for this route. */
const DEFAULT_MAX_TOKENS = 16;

export interface CompletionTask {
  readonly env: GatewayEnv;
  readonly model: ServedModel;
  readonly body: CompletionBody;
  readonly signal: AbortSignal;
}

interface Piece {
  readonly index: number;
  readonly text: string;
  readonly logprobs: LegacyLogprobsJson | null;
  /** Set on the last piece of a prompt. */
  readonly end: { readonly reason: FinishReason; readonly usage: GenerateUsage } | null;
}

export async function answerCompletion(task: CompletionTask): Promise<Response> {
  const abort = new AbortController();
  task.signal.addEventListener('abort', () => abort.abort(), { once: true });
  if (task.signal.aborted) abort.abort();
  const pieces = allPieces(task, abort.signal);
  if (task.body.stream) return await sseResponse(chunks(task, pieces), () => abort.abort());
  return Response.json(await wholeCompletion(task, pieces));
}

async function* allPieces(
  task: CompletionTask,
  signal: AbortSignal,
): AsyncGenerator<Piece, void, void> {
  const { tokenizer } = task.model;
  // Ids are checked and texts encoded before the first token is made.
  const prompts = listPrompts(task.body.prompt).map((prompt) => encodePrompt(task, prompt));
  for (const [index, promptTokens] of prompts.entries()) {
    const legacy =
      task.body.logprobs === undefined ? null : new LegacyLogprobs(tokenizer, task.body.echo);
    yield* promptPieces(task, index, promptTokens, legacy, signal);
  }
}

function encodePrompt({ body, model }: CompletionTask, prompt: Prompt): readonly number[] {
  if (typeof prompt !== 'string') return prompt;
  refuseTooLong(model, prompt.length, 'prompt');
  return model.tokenizer.encode(prompt, { special: body.parse_special, bos: true });
}

async function* promptPieces(
  { env, model, body }: CompletionTask,
  index: number,
  promptTokens: readonly number[],
  legacy: LegacyLogprobs | null,
  signal: AbortSignal,
): AsyncGenerator<Piece, void, void> {
  const request = {
    promptTokens,
    maxTokens: body.max_tokens ?? DEFAULT_MAX_TOKENS,
    sampling: samplingParams(body, model.tokenizer),
    stopTokens: body.ignore_eos ? [] : model.tokenizer.facts.eosIds,
    speculation: body.speculation,
    topLogprobs: body.logprobs ?? null,
    promptLogprobs: body.echo && legacy !== null,
  };
  const events = generateEvents(env, model, request, signal);
  const options = { stops: body.stop, atTextStart: false };
  for await (const event of textEvents(events, model.tokenizer, options)) {
    if (event.type === 'start' && body.echo && legacy === null) {
      yield { index, text: echoText(model, promptTokens), logprobs: null, end: null };
    } else if (event.type === 'prompt' && legacy !== null) {
      const logprobs = legacy.add(promptTokens, event.logprobs);
      yield { index, text: echoText(model, promptTokens), logprobs, end: null };
    } else if (event.type === 'text') {
      const ids = event.tokens.map(({ token }) => token);
      yield {
        index,
        text: event.text,
        logprobs: legacy?.add(ids, event.tokens) ?? null,
        end: null,
      };
    } else if (event.type === 'done') {
      const { reason, usage } = event;
      yield { index, text: '', logprobs: legacy?.add([], []) ?? null, end: { reason, usage } };
    }
  }
}

/** The prompt as text, without the BOS token that encoding added. */
function echoText({ tokenizer }: ServedModel, promptTokens: readonly number[]): string {
  const { addBos, bosId } = tokenizer.facts;
  const skip = addBos && promptTokens[0] === bosId ? 1 : 0;
  return tokenizer.decode(promptTokens.slice(skip));
}

function head({ model }: CompletionTask): object {
  return {
    id: `cmpl-${crypto.randomUUID()}`,
    object: 'text_completion',
    created: Math.floor(Date.now() / 1000),
    model: model.id,
  };
}

async function wholeCompletion(
  task: CompletionTask,
  pieces: AsyncIterable<Piece>,
): Promise<unknown> {
  const texts: string[] = [];
  const logprobs: LegacyLogprobsJson[][] = [];
  const reasons: FinishReason[] = [];
  let total: GenerateUsage = NO_USAGE;
  for await (const piece of pieces) {
    const { index, end } = piece;
    texts[index] = (texts[index] ?? '') + piece.text;
    if (piece.logprobs !== null) (logprobs[index] ??= []).push(piece.logprobs);
    if (end !== null) {
      reasons[index] = end.reason;
      total = addUsage(total, end.usage);
    }
  }
  const choices = texts.map((text, index) => ({
    index,
    text,
    logprobs: task.body.logprobs === undefined ? null : joinLegacy(logprobs[index] ?? []),
    finish_reason: reasons[index],
  }));
  return { ...head(task), choices, usage: usageJson(total), timings: timingsJson(total) };
}

async function* chunks(
  task: CompletionTask,
  pieces: AsyncIterable<Piece>,
): AsyncGenerator<unknown, void, void> {
  const top = head(task);
  const wantsUsage = task.body.stream_options?.include_usage === true;
  let total: GenerateUsage = NO_USAGE;
  for await (const { index, text, logprobs, end } of pieces) {
    if (end !== null) total = addUsage(total, end.usage);
    const choice = { index, text, logprobs, finish_reason: end?.reason ?? null };
    const timings = end === null ? {} : { timings: timingsJson(end.usage) };
    yield { ...top, choices: [choice], ...(wantsUsage ? { usage: null } : {}), ...timings };
  }
  if (wantsUsage) yield { ...top, choices: [], usage: usageJson(total) };
}
