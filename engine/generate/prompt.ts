/**
 * Prompts: segments of token ids, of vectors for the model's own projectors (the patches of a picture, frames of a sound),
 * and of rows of embeddings, which another projector made, in the order the model reads them. Plain data that may cross
 * isolates (structured clone).
 */
import { EngineError } from '../base/errors.ts';
import type { ModelConfig } from '../manifest/manifest.ts';
import type { SenseName } from '../manifest/modalities.ts';
import type { DecoderBackend } from '../model/decoder/contract.ts';

export interface VectorsSegment {
  readonly kind: 'vectors';
  readonly sense: SenseName;
  /** [n, nIn] f32, a whole segment. */
  readonly values: Float32Array;
  /** Hash of the values: equal hashes stand for equal vectors. */
  readonly hash: string;
}

/** What a pass evaluates. */
export type PromptSegment =
  | { readonly kind: 'tokens'; readonly ids: readonly number[] }
  | {
      readonly kind: 'rows';
      /** [n, nEmbd] f32, one row per position, in the scale of the residual stream. */
      readonly rows: Float32Array;
      /** Hash of what the rows were made from and with: equal hashes stand for equal rows. */
      readonly hash: string;
    };

export type Prompt = readonly PromptSegment[];
/** A prompt as requests give it. */
export type GivenPrompt = readonly (PromptSegment | VectorsSegment)[];

/** A hash becomes a key of each of its positions: it may be as long as any digest in hex. */
const MAX_HASH_CHARS = 128;
/** Of vectors: the name of their sense stands before it. */
const MAX_VECTORS_HASH_CHARS = 64;

const MAX_SCOPE_CHARS = 256;

/** The prompt of plain text. */
export function tokenPrompt(ids: readonly number[]): Prompt {
  return [{ kind: 'tokens', ids }];
}

/**
 * A prompt whose vectors have become rows of embeddings.
 * @throws {EngineError} E_REQUEST_INVALID for a model without a projector for them, and for vectors that it cannot take
 */
export function projectedPrompt(
  prompt: GivenPrompt,
  decoder: Pick<DecoderBackend, 'project'>,
): Prompt {
  return prompt.map((segment, i) => {
    if (segment.kind !== 'vectors') return segment;
    const { sense, values, hash } = segment;
    checkHash(hash, `prompt[${i}]`, MAX_VECTORS_HASH_CHARS);
    if (decoder.project === undefined)
      throw invalid(
        `prompt: ${sense} has to be read by a model that is in one isolate. Push it undivided.`,
        'prompt',
      );
    if (!(values instanceof Float32Array)) throw invalid('prompt: values are not f32.', 'prompt');
    // The same values mean something else to another sense.
    return { kind: 'rows', rows: decoder.project(sense, values), hash: sense + hash };
  });
}

/** Number of positions a prompt takes. */
export function promptLength(prompt: Prompt, nEmbd: number): number {
  return prompt.reduce((sum, segment) => sum + segmentLength(segment, nEmbd), 0);
}

function segmentLength(segment: PromptSegment, nEmbd: number): number {
  return segment.kind === 'tokens' ? segment.ids.length : segment.rows.length / nEmbd;
}

/** Bounds that a prompt must fit. */
export interface PromptBounds {
  readonly modelId: string;
  readonly nCtx: number;
  readonly config: Pick<ModelConfig, 'nVocab' | 'nEmbd'>;
}

/**
 * Checks a prompt before it joins a pass: an error there would end all who share the pass.
 * @throws {EngineError} E_REQUEST_INVALID for an empty prompt, an id outside the vocabulary, rows of
 *   another width, with values that are not finite or without a hash; E_PROMPT_TOO_LONG.
 */
export function checkPrompt(prompt: Prompt, { modelId, nCtx, config }: PromptBounds): void {
  const { nEmbd, nVocab } = config;
  for (const [i, segment] of prompt.entries())
    if (segment.kind === 'rows') checkRowsShape(segment, `prompt[${i}]`, nEmbd);
  const length = promptLength(prompt, nEmbd);
  if (length === 0)
    throw invalid('prompt: is empty; expected at least one token. Send some text.', 'prompt');
  if (length > nCtx)
    throw new EngineError(
      'E_PROMPT_TOO_LONG',
      // LiteLLM and others tell this error by the words that OpenAI has for it.
      `prompt: ${length} tokens, but this model's maximum context length is ${nCtx} tokens (${modelId}). Shorten the prompt.`,
      { param: 'messages', details: { promptTokens: length, nCtx } },
    );
  // Values are read only once their number is known to be bounded.
  for (const [i, segment] of prompt.entries())
    if (segment.kind === 'tokens') checkIds(segment.ids, nVocab);
    else checkFinite(segment.rows, `prompt[${i}].rows`, nEmbd);
}

/** @throws {EngineError} E_REQUEST_INVALID for a scope that is not a string or too long. */
export function checkScope(scope: string | undefined): void {
  if (scope === undefined || (typeof scope === 'string' && scope.length <= MAX_SCOPE_CHARS)) return;
  throw invalid(
    `scope: expected a string of at most ${MAX_SCOPE_CHARS} characters. Hash what names the caller.`,
    'scope',
  );
}

function checkIds(ids: readonly number[], nVocab: number): void {
  const token = ids.find((id) => !(Number.isInteger(id) && id >= 0 && id < nVocab));
  if (token === undefined) return;
  throw invalid(
    `tokens: id ${token} is not in the vocabulary; expected 0 to ${nVocab - 1}. Use the tokenizer of this model.`,
    'prompt',
    { token, nVocab },
  );
}

type RowsSegment = Extract<PromptSegment, { kind: 'rows' }>;

function checkRowsShape({ rows, hash }: RowsSegment, field: string, nEmbd: number): void {
  if (!(rows instanceof Float32Array) || rows.length === 0 || rows.length % nEmbd !== 0)
    throw invalid(
      `${field}.rows: ${rows.length} values; expected f32 rows of ${nEmbd} each, at least one. ` +
        'Make them with a projector of this model.',
      `${field}.rows`,
      { nValue: rows.length, nEmbd },
    );
  checkHash(hash, field);
}

function checkHash(hash: string, field: string, most = MAX_HASH_CHARS): void {
  if (typeof hash !== 'string' || hash.length === 0 || hash.length > most)
    throw invalid(
      `${field}.hash: expected 1 to ${most} characters, got ${JSON.stringify(hash)?.slice(0, 40)}. ` +
        'Hash what the rows were made from.',
      `${field}.hash`,
    );
}

function checkFinite(rows: Float32Array, field: string, nEmbd: number): void {
  const at = rows.findIndex((x) => !Number.isFinite(x));
  if (at < 0) return;
  const [row, column] = [Math.floor(at / nEmbd), at % nEmbd];
  throw invalid(
    `${field}: value ${column} of row ${row} is ${rows[at]}; expected finite numbers. ` +
      'Make the rows again.',
    field,
    { row, column, value: String(rows[at]) },
  );
}

function invalid(
  message: string,
  param: string,
  details: Readonly<Record<string, unknown>> = {},
): EngineError {
  return new EngineError('E_REQUEST_INVALID', message, { param, details });
}
