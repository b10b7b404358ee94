/**
 * The tokenizer of a Hugging Face folder: tokenizer.json as it is, and from the files beside it
 * what ends a generation and what begins a text.
 */
import { EngineError } from '../../../engine/base/errors.ts';
import type { JsonObject, JsonValue } from '../../../engine/formats/json.ts';
import { findEosIds } from '../../../engine/text/tokenizer-json.ts';
import { MAX_VOCAB } from '../../../engine/text/vocabulary-json.ts';
import { asObject } from './hf-config.ts';
import type { OpenedTokenizer } from './opened-model.ts';

/**
 * Stands for a picture, whose rows do not come from the embedding. Gemma 3's text models share the tokenizer
 * of the ones that see, and their embedding has no row for it. llama.cpp leaves it out as well.
 */
const PICTURE_TOKENS: readonly unknown[] = ['<image_soft_token>'];

export interface HfTokenizerFiles {
  /** The text of tokenizer.json and the same parsed. */
  readonly text: string;
  readonly tokenizer: JsonObject;
  readonly tokenizerConfig: JsonObject;
  readonly config: JsonObject;
  readonly generationConfig: JsonObject;
}

/** @throws {EngineError} E_TOKENIZER_INVALID when tokenizer.json has no vocabulary. */
export function tokenizerFromHf(files: HfTokenizerFiles): OpenedTokenizer {
  const { tokenizerConfig, config, generationConfig } = files;
  const idOf = new Map<string, number>();
  const special: string[] = [];
  for (const { id, content, isSpecial } of readAddedTokens(files.tokenizer)) {
    idOf.set(content, id);
    if (isSpecial) special[id] = content;
  }
  const vocab = asObject(asObject(files.tokenizer['model'])?.['vocab']);
  if (vocab === null && idOf.size === 0)
    throw new EngineError(
      'E_TOKENIZER_INVALID',
      'tokenizer.json: no vocabulary; expected model.vocab. Give the tokenizer.json of this model.',
    );
  const idsOf = (value: JsonValue | undefined): number[] => {
    if (Array.isArray(value)) return value.flatMap(idsOf);
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return [value];
    const content = typeof value === 'string' ? value : asObject(value)?.['content'];
    if (typeof content !== 'string') return [];
    const id =
      idOf.get(content) ??
      (vocab !== null && Object.hasOwn(vocab, content) ? vocab[content] : null);
    return typeof id === 'number' ? [id] : [];
  };
  const named = [
    ...idsOf(generationConfig['eos_token_id']),
    ...idsOf(config['eos_token_id']),
    ...idsOf(tokenizerConfig['eos_token']),
  ];
  const bosId =
    [...idsOf(tokenizerConfig['bos_token']), ...idsOf(config['bos_token_id'])][0] ?? null;
  const addBos = tokenizerConfig['add_bos_token'] ?? startsWithBos(files.tokenizer);
  return {
    json: files.text,
    addBos: bosId !== null && addBos === true,
    bosId,
    // Array.from: `special` has holes, which findEosIds need not know about.
    eosIds: findEosIds(
      Array.from(special, (content) => content ?? ''),
      named,
    ),
  };
}

/**
 * The text of a tokenizer.json without the tokens of pictures that the embedding has no row for. Other
 * tokens without a row stay: they are a sign of another model's tokenizer, which the import refuses.
 */
export function withoutPictureTokens(text: string, tokenizer: JsonObject, nRow: number): string {
  const rows = tokenizer['added_tokens'];
  if (!Array.isArray(rows)) return text;
  const kept = rows.filter((row) => {
    const { id, content } = asObject(row) ?? {};
    return !(typeof id === 'number' && id >= nRow && PICTURE_TOKENS.includes(content));
  });
  return kept.length === rows.length ? text : JSON.stringify({ ...tokenizer, added_tokens: kept });
}

export function readAddedTokens(
  tokenizer: JsonObject,
): { id: number; content: string; isSpecial: boolean }[] {
  const rows = tokenizer['added_tokens'];
  if (!Array.isArray(rows)) return [];
  return rows.flatMap((row) => {
    const { id, content, special } = asObject(row) ?? {};
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= MAX_VOCAB) return [];
    return typeof content === 'string' ? [{ id, content, isSpecial: special === true }] : [];
  });
}

/** Whether tokenizer.json itself puts a special token before a single text (TemplateProcessing). */
function startsWithBos(tokenizer: JsonObject): boolean {
  const post = asObject(tokenizer['post_processor']);
  const steps = Array.isArray(post?.['processors']) ? post['processors'] : [post];
  return steps.some((step) => {
    const single = asObject(step ?? undefined)?.['single'];
    return Array.isArray(single) && asObject(single[0])?.['SpecialToken'] !== undefined;
  });
}

/** The chat template of tokenizer_config.json: a string, or the default of several. */
export function chatTemplateOf(tokenizerConfig: JsonObject): string | null {
  const value = tokenizerConfig['chat_template'];
  if (typeof value === 'string') return value;
  if (!Array.isArray(value)) return null;
  const rows = value.map((row) => asObject(row));
  const chosen = rows.find((row) => row?.['name'] === 'default') ?? rows[0];
  return typeof chosen?.['template'] === 'string' ? chosen['template'] : null;
}
