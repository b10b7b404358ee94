/**
 * The answers to a prompt as one stream of deltas. Knows neither APIs nor HTTP: chat completions, plain
 * completions, responses and messages are shapes over it.
 */
import type { Caller } from '../../platform/caller.ts';
import type { ConstraintRequest } from '../../../engine/generate/constraint.ts';
import type { GivenPrompt } from '../../../engine/generate/prompt.ts';
import type { GivenRequest, Speculation } from '../../../engine/generate/types.ts';
import type { SamplingParams } from '../../../engine/sample/params.ts';
import type { ServingEnv } from '../env.ts';
import type { ServedModel } from '../models/model-store.ts';
import { generateEvents } from '../clients/stage-client.ts';
import { mergeStreams } from './merge.ts';
import type { CallSyntax } from '../output/tool-formats.ts';
import { textEvents } from './text-events.ts';
import { guardOutput } from '../policy/guard-output.ts';
import { readPolicy } from '../policy/policy.ts';
import { type AnswerEvent, countTokens, type TokenCount, toolEvents } from './tool-events.ts';

/** Parameters of an answer, the same for every API. */
export interface GenerationParams {
  readonly maxTokens: number;
  readonly sampling: SamplingParams;
  readonly stops: readonly string[];
  /** Tokens that end an answer, besides those of the model. */
  readonly stopTokens: readonly number[];
  /** Number of alternatives reported with each token; null reports no log-probabilities. */
  readonly topLogprobs: number | null;
  /** Whether to report log-probabilities of the prompt's tokens, too. */
  readonly promptLogprobs: boolean;
  readonly ignoreEos: boolean;
  readonly speculation: Speculation;
  /** Number of answers to the prompt, made in parallel; answer i uses the seed plus i. */
  readonly nChoice: number;
  /** Grammar that the answers must match; null is free text. */
  readonly constraint: ConstraintRequest | null;
  /** How calls are found in the answers, to become deltas of their own; null when there are no tools. */
  readonly calls: CallSyntax | null;
}

export interface GenerationPlan {
  readonly env: ServingEnv;
  /** A prompt cached for one caller is not reused for another. */
  readonly caller: Caller;
  readonly model: ServedModel;
  readonly prompt: GivenPrompt;
  /** Field of the request that the prompt came from, for errors. */
  readonly promptField: string;
  /** Whether the answer begins a text of its own instead of continuing the prompt. */
  readonly atTextStart: boolean;
  readonly params: GenerationParams;
  readonly signal: AbortSignal;
  /** Called when a generation waits for its turn, and is not refused any more. */
  readonly onWaiting?: (() => void) | undefined;
}

/** Per choice in this order: start, prompt (at most once), (text | call, arguments*)*, done. */
export type Delta = AnswerEvent & { readonly choice: number };

/** Whether a delta is a generation's, of a type, where others come between them. */
export function isOf<Type extends Delta['type']>(
  delta: { readonly type: string },
  type: Type,
): delta is Extract<Delta, { type: Type }> {
  return delta.type === type;
}

/**
 * Ending the iteration early, or aborting the signal, ends the generations within a token.
 * @throws {EngineError} errors of the stage
 */
export async function* runGeneration(plan: GenerationPlan): AsyncGenerator<Delta, void, void> {
  const { params } = plan;
  if (params.nChoice === 1) {
    for await (const event of runChoice(plan, 0, plan.signal)) yield { ...event, choice: 0 };
    return;
  }
  const abort = new AbortController();
  const signal = AbortSignal.any([plan.signal, abort.signal]);
  const choices = Array.from({ length: params.nChoice }, (_, i) => runChoice(plan, i, signal));
  try {
    for await (const { index, value } of mergeStreams(choices)) yield { ...value, choice: index };
  } finally {
    abort.abort();
  }
}

async function* runChoice(
  plan: GenerationPlan,
  choice: number,
  signal: AbortSignal,
): AsyncGenerator<AnswerEvent, void, void> {
  const policy = await readPolicy(plan.env);
  const count = { n: 0 };
  yield* guardOutput(policy, plan.caller, choiceEvents(plan, choice, signal, count), count);
}

function choiceEvents(
  plan: GenerationPlan,
  choice: number,
  signal: AbortSignal,
  count: TokenCount,
): AsyncGenerator<AnswerEvent, void, void> {
  const { env, caller, model, prompt, promptField, atTextStart, params, onWaiting } = plan;
  const { constraint, calls } = params;
  const request: GivenRequest = {
    prompt,
    maxTokens: params.maxTokens,
    sampling: { ...params.sampling, seed: params.sampling.seed + choice },
    stopTokens: [...(params.ignoreEos ? [] : model.tokenizer.facts.eosIds), ...params.stopTokens],
    topLogprobs: params.topLogprobs,
    // Equal for all choices, so the first reports it.
    promptLogprobs: params.promptLogprobs,
    speculation: params.speculation,
    ...(constraint === null ? {} : { constraint }),
  };
  const events = countTokens(
    generateEvents(env, caller, model, request, signal, { promptField, onWaiting }),
    count,
  );
  if (calls === null)
    return textEvents(events, model.tokenizer, { stops: params.stops, atTextStart });
  // Stop strings end texts, not calls: they are searched for after calls have been split off.
  const texts = textEvents(events, model.tokenizer, { stops: [], atTextStart, special: true });
  return toolEvents(texts, calls, params.stops, count);
}
