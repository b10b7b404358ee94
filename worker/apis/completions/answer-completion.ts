/** Plain completions of one or several prompts, streamed or whole, with echo and log-probabilities. */
import type { Caller } from '../../platform/caller.ts';
import { tokenPrompt } from '../../../engine/generate/prompt.ts';
import type { GenerateUsage, TokenLogprob } from '../../../engine/generate/types.ts';
import type { ServingEnv } from '../../serving/env.ts';
import { generationParams } from '../../serving/generation/params.ts';
import { type Delta, runGeneration } from '../../serving/generation/run-generation.ts';
import type { AnswerReason } from '../../serving/generation/text-events.ts';
import { checkPrompts, encodePrompt } from '../../serving/generation/text-prompts.ts';
import type { PromptOptions } from '../../serving/generation/text-prompts.ts';
import { chatFormat } from '../../serving/output/constraint.ts';
import type { ServedModel } from '../../serving/models/model-store.ts';
import type { RequestRecord } from '../../http/observe/record.ts';
import { type CompletionBody, listPrompts } from './schema.ts';
import { withHeaders } from '../../http/with-headers.ts';
import { redactedHeaders, redactorFor } from '../../serving/redaction/redact-request.ts';
import type { Redactor } from '../../serving/redaction/redactor.ts';
import { restoreOutput } from '../../serving/redaction/restore-output.ts';
import { answer } from '../../http/answer.ts';
import { resourcesJson } from '../../serving/accounting/resources.ts';
import { OPENAI_SSE } from '../../http/sse.ts';
import { joinLegacy, LegacyLogprobs, type LegacyLogprobsJson } from '../chat/token-json.ts';
import { addUsage, joinChoices, timingsJson, usageJson } from '../../serving/accounting/usage.ts';

/** OpenAI's default for this endpoint. */
const DEFAULT_MAX_TOKENS = 16;

export interface CompletionTask {
  readonly env: ServingEnv;
  readonly caller: Caller;
  readonly model: ServedModel;
  readonly body: CompletionBody;
  readonly signal: AbortSignal;
  readonly record: RequestRecord;
}

interface Piece {
  /** Index of the choice in the answer. */
  readonly index: number;
  readonly text: string;
  readonly logprobs: LegacyLogprobsJson | null;
  /** Log-probabilities of generated tokens, for ranking choices. */
  readonly scores: readonly TokenLogprob[];
  /** Set in the last piece of a choice. */
  readonly end: { readonly reason: AnswerReason; readonly usage: GenerateUsage } | null;
}

export async function answerCompletion(given: CompletionTask): Promise<Response> {
  const redactor = redactorFor(given.body.redact);
  const task = redactor === null ? given : await redactPrompts(redactor, given);
  const { body, model, record, signal } = task;
  // Checks ids and encodes texts before the first token is generated.
  const prompts: (readonly number[])[] = [];
  for (const prompt of listPrompts(body.prompt))
    prompts.push(await encodePrompt(model, prompt, promptOptions(body)));
  const response = await answer({
    ...{ modelId: model.id, signal, record, stream: body.stream, sse: OPENAI_SSE },
    run: (ended, onWaiting) => restoreOutput(redactor, runPrompts(task, prompts, ended, onWaiting)),
    chunks: (deltas) => chunks(task, pieces(task, prompts, deltas)),
    whole: (deltas) => wholeCompletion(task, pieces(task, prompts, deltas)),
  });
  return withHeaders(response, redactedHeaders(redactor));
}

/** Prompts are texts: the schema refuses token ids with "redact". */
async function redactPrompts(redactor: Redactor, task: CompletionTask): Promise<CompletionTask> {
  const prompt: string[] = [];
  for (const text of listPrompts(task.body.prompt))
    if (typeof text === 'string') prompt.push(await redactor.redact(text));
  return { ...task, body: { ...task.body, prompt } };
}

const promptOptions = (body: CompletionBody): PromptOptions => ({
  ...{ special: body.parse_special, field: 'prompt' },
});

/** Number of answers generated per prompt; the best `n` are returned. */
function countCandidates({ n, best_of }: CompletionBody): number {
  return best_of ?? n;
}

/** Prompts one after the other, a prompt's choices in parallel. Choices are numbered across all prompts. */
async function* runPrompts(
  task: CompletionTask,
  prompts: readonly (readonly number[])[],
  signal: AbortSignal,
  onWaiting: (() => void) | undefined,
): AsyncGenerator<Delta, void, void> {
  const { env, caller, model, body } = task;
  const nChoice = countCandidates(body);
  const params = await generationParams(
    body,
    {
      maxTokens: body.max_tokens ?? DEFAULT_MAX_TOKENS,
      // Ranking needs the log-probability of each token.
      topLogprobs: body.logprobs ?? (nChoice > body.n ? 0 : null),
      promptLogprobs: body.echo && body.logprobs !== undefined,
      ignoreEos: body.ignore_eos,
      nChoice,
      format: chatFormat(body.response_format),
    },
    model,
  );
  const given = listPrompts(body.prompt);
  const options = promptOptions(body);
  const checked = await checkPrompts(env, caller, model, given, prompts, options);
  for (const [p, promptTokens] of checked.entries()) {
    const prompt = tokenPrompt(promptTokens);
    const plan = { env, caller, model, prompt, promptField: 'prompt', atTextStart: false };
    for await (const delta of runGeneration({ ...plan, params, signal, onWaiting }))
      yield { ...delta, choice: p * nChoice + delta.choice };
  }
}

async function* pieces(
  { model, body }: CompletionTask,
  prompts: readonly (readonly number[])[],
  deltas: AsyncIterable<Delta>,
): AsyncGenerator<Piece, void, void> {
  const nChoice = countCandidates(body);
  const legacy = new Map<number, LegacyLogprobs>();
  for await (const delta of deltas) {
    const index = delta.choice;
    const promptTokens = prompts[Math.floor(index / nChoice)] ?? [];
    if (body.logprobs !== undefined && !legacy.has(index))
      legacy.set(index, new LegacyLogprobs(model.tokenizer, body.echo));
    const own = legacy.get(index) ?? null;
    const piece = { index, text: '', logprobs: null, scores: [], end: null };
    if (delta.type === 'start' && body.echo && own === null) {
      yield { ...piece, text: echoText(model, promptTokens) };
    } else if (delta.type === 'prompt' && own !== null) {
      const logprobs = own.add(promptTokens, delta.logprobs);
      yield { ...piece, text: echoText(model, promptTokens), logprobs };
    } else if (delta.type === 'text') {
      const ids = delta.tokens.map(({ token }) => token);
      const logprobs = own?.add(ids, delta.tokens) ?? null;
      yield { ...piece, text: delta.text, logprobs, scores: delta.tokens };
    } else if (delta.type === 'done') {
      const { reason, usage } = delta;
      yield { ...piece, logprobs: own?.add([], []) ?? null, end: { reason, usage } };
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

/** A choice, as far as it has been generated. */
interface Candidate {
  text: string;
  readonly logprobs: LegacyLogprobsJson[];
  reason: AnswerReason | null;
  score: number;
  nScored: number;
}

async function wholeCompletion(task: CompletionTask, all: AsyncIterable<Piece>): Promise<unknown> {
  const candidates: Candidate[] = [];
  const usages: GenerateUsage[] = [];
  for await (const { index, text, logprobs, scores, end } of all) {
    const empty: Candidate = { text: '', logprobs: [], reason: null, score: 0, nScored: 0 };
    const candidate = (candidates[index] ??= empty);
    candidate.text += text;
    if (logprobs !== null) candidate.logprobs.push(logprobs);
    for (const { logprob } of scores) candidate.score += logprob;
    candidate.nScored += scores.length;
    if (end === null) continue;
    candidate.reason = end.reason;
    usages[index] = end.usage;
  }
  const choices = pickBest(candidates, task.body).map(({ text, logprobs, reason }, index) => ({
    index,
    text,
    logprobs: task.body.logprobs === undefined ? null : joinLegacy(logprobs),
    finish_reason: reason,
  }));
  return { ...head(task), choices, ...closing(task, usages) };
}

/** The `n` candidates of each prompt with the highest mean log-probability, the best first. */
function pickBest(candidates: readonly Candidate[], body: CompletionBody): Candidate[] {
  const nChoice = countCandidates(body);
  if (nChoice === body.n) return [...candidates];
  // A candidate without scored tokens comes last.
  const mean = ({ score, nScored }: Candidate): number =>
    nScored === 0 ? -Infinity : score / nScored;
  const groups = Map.groupBy(candidates.entries(), ([index]) => Math.floor(index / nChoice));
  return [...groups.values()].flatMap((group) =>
    group
      .map(([, candidate]) => candidate)
      .toSorted((a, b) => (mean(a) === mean(b) ? 0 : mean(b) - mean(a)))
      .slice(0, body.n),
  );
}

async function* chunks(
  task: CompletionTask,
  all: AsyncIterable<Piece>,
): AsyncGenerator<unknown, void, void> {
  const top = head(task);
  const wantsUsage = task.body.stream_options?.include_usage === true;
  const nTotal = listPrompts(task.body.prompt).length * countCandidates(task.body);
  const usages: GenerateUsage[] = [];
  let nEnded = 0;
  for await (const { index, text, logprobs, end } of all) {
    if (end !== null) {
      usages[index] = end.usage;
      nEnded++;
    }
    const choice = { index, text, logprobs, finish_reason: end?.reason ?? null };
    const chunk = { ...top, choices: [choice], ...(wantsUsage ? { usage: null } : {}) };
    if (nEnded < nTotal) {
      yield chunk;
    } else {
      const { timings, resources } = closing(task, usages);
      yield { ...chunk, timings, resources };
    }
  }
  if (wantsUsage) yield { ...top, choices: [], usage: closing(task, usages).usage };
}

/** Usage and extensions: choices of a prompt ran in parallel, prompts one after the other. */
function closing({ body, model }: CompletionTask, usages: readonly GenerateUsage[]) {
  const nChoice = countCandidates(body);
  const groups = Map.groupBy(usages.entries(), ([index]) => Math.floor(index / nChoice));
  const joined = [...groups.values()].map((group) => joinChoices(group.map(([, usage]) => usage)));
  const total = joined.reduce(addUsage, joinChoices([]));
  return {
    usage: usageJson(total),
    timings: timingsJson(total),
    resources: resourcesJson(model.manifest, usages),
  };
}
