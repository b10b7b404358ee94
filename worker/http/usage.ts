/** What a request may use, before it runs, and what it has used. */
import { DEFAULT_CTX } from '../../engine/model/decoder/plan.ts';
import { renew, settle } from '../access/gate.ts';
import type { Want } from '../access/ledger.ts';
import type { Amount } from '../access/limits.ts';
import type { Caller } from '../platform/caller.ts';
import { reportFailure } from '../platform/failure.ts';
import { readCount } from '../platform/vars.ts';
import { estimatedUsd, objectMs } from '../serving/accounting/resources.ts';
import type { ServingEnv } from '../serving/env.ts';
import { defaultModelId, resolveModel } from '../serving/models/model-names.ts';
import type { EndpointFacts, Tag, WaitUntil } from './endpoint.ts';
import type { RequestEnd, RequestRecord } from './observe/record.ts';

/** A token of ordinary text has at least this many bytes; what has fewer is counted when it is known. */
const BYTES_PER_TOKEN = 3;
/** Tokens that a template puts around a conversation. */
const TEMPLATE_TOKENS = 64;
/** Time that is reserved for a token; models that fit an isolate take less on the platform. */
const RESERVED_TOKEN_MS = 60;
const RESERVED_PROMPT_TOKEN_MS = 15;
/** Time of a megabyte of a recording or a file. */
const RESERVED_MEGABYTE_MS = 10_000;
/** How often a request says that it still runs: the platform puts an object away after 10 s without a call. */
const RENEW_MS = 8000;
/** Status of a request whose client has left. */
const CLIENT_GONE = 499;

/** Rows that compute: they take one of a key's places while they run. */
const COMPUTING: ReadonlySet<Tag> = new Set<Tag>([
  'generation',
  'messages',
  'ollama',
  'responses',
  'tasks',
  'retrieval',
  'audio',
  'onnx',
]);

/** Fields of bodies that bound an answer; the APIs have one of them each. */
interface AnswerFields {
  readonly model?: unknown;
  readonly n?: unknown;
  readonly max_tokens?: unknown;
  readonly max_completion_tokens?: unknown;
  readonly max_output_tokens?: unknown;
}
const ANSWER_FIELDS = ['max_completion_tokens', 'max_output_tokens', 'max_tokens'] as const;

/** @param nBytes size of the body @throws {EngineError} E_PLACEMENT_INVALID, E_WEIGHTS_FETCH */
export async function wantOf(
  endpoint: EndpointFacts,
  env: ServingEnv,
  body: unknown,
  nBytes: number,
): Promise<Want> {
  const { body: schema, form, method, tag } = endpoint;
  const hasBody = schema !== undefined || form !== undefined;
  if (!hasBody || method !== 'POST') return { tokens: 0, usd: estimatedUsd(0, 0), isHeld: false };
  const isHeld = COMPUTING.has(tag);
  if (form !== undefined) {
    const seconds = ((nBytes / 1e6) * RESERVED_MEGABYTE_MS) / 1000;
    return { tokens: 0, usd: estimatedUsd(1, isHeld ? seconds : 0), isHeld };
  }
  const promptTokens = Math.ceil(nBytes / BYTES_PER_TOKEN) + TEMPLATE_TOKENS;
  if (!isHeld) return { tokens: 0, usd: estimatedUsd(0, 0), isHeld };
  const { nChoice, answerTokens } = await answerBound(endpoint, env, body as AnswerFields);
  const ms = promptTokens * RESERVED_PROMPT_TOKEN_MS + answerTokens * RESERVED_TOKEN_MS;
  return {
    tokens: nChoice * (promptTokens + answerTokens),
    usd: estimatedUsd(nChoice, (nChoice * ms) / 1000),
    isHeld,
  };
}

/** Most tokens of each answer: what was asked for, at most the context of the model. */
async function answerBound(
  { body: schema }: EndpointFacts,
  env: ServingEnv,
  body: AnswerFields,
): Promise<{ readonly nChoice: number; readonly answerTokens: number }> {
  const shape = schema?.shape ?? {};
  if (!ANSWER_FIELDS.some((name) => Object.hasOwn(shape, name)))
    return { nChoice: 1, answerTokens: 0 };
  const wanted = ANSWER_FIELDS.map((name) => body[name]).find((value) => value !== undefined);
  const nCtx = await contextOf(env, body.model);
  return {
    nChoice: typeof body.n === 'number' ? body.n : 1,
    answerTokens: typeof wanted === 'number' ? Math.min(wanted, nCtx) : nCtx,
  };
}

async function contextOf(env: ServingEnv, model: unknown): Promise<number> {
  const name = typeof model === 'string' ? model : await defaultModelId(env);
  const { placed } = await resolveModel(env.MODELS, name);
  return placed?.nCtx ?? readCount(env.CONTEXT_TOKENS) ?? DEFAULT_CTX;
}

/** Tells the account of the caller, when the request ends, what it has used. */
export function settleAtEnd(
  record: RequestRecord,
  env: Pick<ServingEnv, 'ACCOUNTS'>,
  caller: Caller,
  waitUntil: WaitUntil,
): void {
  if (caller.reservation === null) return;
  const renewal = setInterval(() => {
    void renew(env, caller).catch((error: unknown) => {
      reportFailure(error, { place: 'gateway.renew', requestId: caller.requestId });
    });
  }, RENEW_MS);
  record.whenEnded((end) => {
    clearInterval(renewal);
    // What cannot be told stays counted in full.
    const noted = settle(env, caller, usedBy(end)).catch((error: unknown) => {
      reportFailure(error, { place: 'gateway.settle', requestId: caller.requestId });
    });
    waitUntil(noted);
  });
}

/** Absent amounts are not known, and count as they were reserved. */
function usedBy({ status, usage, nGeneration, isCutOff, ms }: RequestEnd): Partial<Amount> {
  if (isCutOff || status === CLIENT_GONE) return {};
  if (nGeneration > 0)
    return {
      tokens: usage.promptTokens + usage.completionTokens,
      usd: estimatedUsd(nGeneration, objectMs(usage) / 1000),
    };
  if (status >= 400) return { tokens: 0, usd: estimatedUsd(0, 0) };
  return { usd: estimatedUsd(1, ms / 1000) };
}
