/** GGUF metadata of an encoder as its config. Keys: ggml/docs/gguf.md; pooling types: llama.h. */
import type { EncoderFamily, EncoderNumberField } from '../../../engine/archs/types.ts';
import type { GgufMetadata } from '../../../engine/formats/gguf.ts';
import type { EncoderConfig } from '../../../engine/manifest/manifest.ts';
import { encoderPrompts } from './encoder-prompts.ts';
import { KeyReader } from './gguf-config.ts';
import { configError } from './opened-model.ts';
import type { OpenedTokenizer } from './opened-model.ts';

/** What every file states; a family may have other names for them. */
const KEYS = {
  nLayer: 'block_count',
  nEmbd: 'embedding_length',
  nHead: 'attention.head_count',
  nFf: 'feed_forward_length',
  nCtx: 'context_length',
  normEps: 'attention.layer_norm_epsilon',
} as const satisfies Partial<Record<EncoderNumberField, string>>;
type RequiredField = keyof typeof KEYS;

/** llama_pooling_type. */
const POOLINGS: Readonly<Record<number, EncoderConfig['pooling']>> = {
  1: 'mean',
  2: 'cls',
  3: 'last',
  4: 'rank',
};

/**
 * Longest text of encoders with rotary positions, which limit none: the plan holds rows of the longest one.
 * What search cuts texts into is shorter.
 */
const MAX_ROTARY_TOKENS = 2048;

/** What a config needs from the tensors. */
export interface EncoderFacts {
  /** Rows of token_types.weight; 0 without it. */
  readonly nTokenType: number;
  /** Rows of dense_2.weight. */
  readonly nDense: number | undefined;
  /** Rows of cls.output.weight, which rerankers have. */
  readonly nClass: number | undefined;
}

/** Whether a file says how a text's vector is made of its tokens' rows. */
export function statesPooling(metadata: GgufMetadata, arch: string): boolean {
  const type = metadata.get(`${arch}.pooling_type`);
  return type !== undefined && type !== 0;
}

/** @throws {EngineError} E_FORMAT_INVALID naming the key. */
export function encoderConfigFromGguf(
  where: string,
  metadata: GgufMetadata,
  family: EncoderFamily,
  { nTokenType, nDense, nClass }: EncoderFacts,
): EncoderConfig {
  const arch = String(metadata.get('general.architecture'));
  const keys = new KeyReader(where, metadata, arch);
  const numbers = readNumbers(keys, family);
  checkSupported(where, metadata, arch, family);
  const tokens = metadata.get('tokenizer.ggml.tokens');
  const name = metadata.get('general.name');
  const isRotary = family.ggufKeys?.ropeTheta !== undefined;
  const nCtx = isRotary ? Math.min(numbers.nCtx, MAX_ROTARY_TOKENS) : numbers.nCtx;
  const pooling = readPooling(where, metadata, arch);
  const config: EncoderConfig = {
    ...numbers,
    nCtx,
    nVocab: Array.isArray(tokens) ? tokens.length : 0,
    nTokenType,
    ...(nDense === undefined ? {} : { nDense }),
    maxTokens: nCtx,
    pooling,
    ...(pooling === 'rank' ? readRanker(where, metadata, family, nClass) : {}),
    normalize: true,
    ...encoderPrompts({}, typeof name === 'string' ? name.replaceAll(' ', '-') : ''),
  };
  return { ...config, ...family.complete?.(config, keys) };
}

function readNumbers(
  keys: KeyReader,
  { ggufKeys = {} }: EncoderFamily,
): Record<RequiredField, number> & Partial<Record<EncoderNumberField, number>> {
  const required = Object.entries(KEYS).map(([field, key]) => {
    const own = ggufKeys[field as RequiredField] ?? key;
    return [field, keys.number(own)] as const;
  });
  const optional = Object.entries(ggufKeys).flatMap(([field, key]) => {
    const value = field in KEYS ? undefined : keys.optional(key);
    return value === undefined ? [] : [[field, value] as const];
  });
  const entries = [...required, ...optional];
  return Object.fromEntries(entries) as Record<RequiredField, number>;
}

function readPooling(where: string, metadata: GgufMetadata, arch: string) {
  const type = metadata.get(`${arch}.pooling_type`) ?? 1;
  const pooling = POOLINGS[Number(type)];
  if (pooling !== undefined) return pooling;
  throw configError(
    where,
    `key ${arch}.pooling_type ${String(type).slice(0, 20)}; expected 1 to 3, or 4 in rerankers`,
    { type: String(type) },
  );
}

/** What a reranker has beside an embedding model of its family. */
function readRanker(
  where: string,
  metadata: GgufMetadata,
  { name, score }: EncoderFamily,
  nClass: number | undefined,
): Pick<EncoderConfig, 'nClass' | 'labels' | 'rerankTemplate' | 'pairSeparatorIds'> {
  if (score === undefined)
    throw configError(where, `pooling_type 4: rerankers of ${name} are not supported`, {});
  if (nClass === undefined)
    throw configError(where, 'pooling_type 4 without cls.output.weight', {});
  const classes = { nClass, ...readLabels(metadata, nClass) };
  const template = metadata.get('tokenizer.chat_template.rerank');
  if (typeof template !== 'string') return { ...classes, ...readPairSeparator(where, metadata) };
  if (!template.includes('{query}') || !template.includes('{document}'))
    throw configError(
      where,
      'key tokenizer.chat_template.rerank; expected it to contain {query} and {document}',
      {},
    );
  return { ...classes, rerankTemplate: template };
}

/** Names of the classes, where the file has as many as scores. */
function readLabels(metadata: GgufMetadata, nClass: number): Pick<EncoderConfig, 'labels'> {
  const arch = String(metadata.get('general.architecture'));
  const list = metadata.get(`${arch}.classifier.output_labels`);
  if (!Array.isArray(list) || list.length !== nClass) return {};
  return { labels: list.map(String) };
}

/** The end of the query and the separator, `</s></s>` of XLM-R; [SEP] alone, which ends a text, in WordPiece. */
function readPairSeparator(
  where: string,
  metadata: GgufMetadata,
): Pick<EncoderConfig, 'pairSeparatorIds'> {
  if (metadata.get('tokenizer.ggml.model') === 'bert') return {};
  const tokens = metadata.get('tokenizer.ggml.tokens');
  const nVocab = Array.isArray(tokens) ? tokens.length : 0;
  const ids = ['eos', 'seperator'].flatMap((key) => {
    const id = metadata.get(`tokenizer.ggml.${key}_token_id`);
    return typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < nVocab ? [id] : [];
  });
  if (ids.length > 0) return { pairSeparatorIds: ids };
  throw configError(
    where,
    'pooling_type 4 without tokenizer.chat_template.rerank and tokenizer.ggml.eos_token_id; expected ' +
      'one of them, which separates query and passage',
    {},
  );
}

/** Nothing is left out silently: a mask of another kind or scaled positions would change every vector. */
function checkSupported(
  where: string,
  metadata: GgufMetadata,
  arch: string,
  { sight, name }: EncoderFamily,
): void {
  const causal = metadata.get(`${arch}.attention.causal`);
  if (causal !== undefined && causal !== (sight === 'before'))
    throw configError(where, `key ${arch}.attention.causal ${String(causal)} in ${name}`, {});
  const scaling = metadata.get(`${arch}.rope.scaling.type`) ?? 'none';
  if (scaling !== 'none')
    throw configError(
      where,
      `key ${arch}.rope.scaling.type ${String(scaling).slice(0, 40)} is not supported in ${name}`,
      {},
    );
}

/** What stands before and after each text: [CLS] and [SEP] of WordPiece, else what the file says. */
export function embedderTokenizer(
  metadata: GgufMetadata,
  tokenizer: OpenedTokenizer,
): OpenedTokenizer {
  if (metadata.get('tokenizer.ggml.model') === 'bert') return tokenizer;
  const end = metadata.get('tokenizer.ggml.eos_token_id');
  const hasEnd = metadata.get('tokenizer.ggml.add_eos_token') === true && typeof end === 'number';
  const { addBos, bosId } = tokenizer;
  return { ...tokenizer, bosId: addBos ? bosId : null, eosIds: hasEnd ? [end] : [] };
}
