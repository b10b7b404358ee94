/** GGUF metadata of an encoder as its config. Keys: ggml/docs/gguf.md; pooling types: llama.h. */
import type { GgufMetadata } from '../../../engine/formats/gguf.ts';
import type { EncoderConfig } from '../../../engine/manifest/manifest.ts';
import { encoderPrompts } from './encoder-prompts.ts';
import { configError } from './opened-model.ts';

const KEYS = {
  nLayer: 'block_count',
  nEmbd: 'embedding_length',
  nHead: 'attention.head_count',
  nFf: 'feed_forward_length',
  nCtx: 'context_length',
  normEps: 'attention.layer_norm_epsilon',
} as const satisfies Partial<Record<keyof EncoderConfig, string>>;

/** llama_pooling_type. */
const POOLINGS: Readonly<Record<number, EncoderConfig['pooling']>> = {
  1: 'mean',
  2: 'cls',
  3: 'last',
};

/**
 * @param nTokenType rows of token_types.weight
 * @throws {EngineError} E_FORMAT_INVALID naming the key.
 */
export function encoderConfigFromGguf(
  where: string,
  metadata: GgufMetadata,
  nTokenType: number,
): EncoderConfig {
  const arch = String(metadata.get('general.architecture'));
  const number = (key: string): number => {
    const value = metadata.get(`${arch}.${key}`);
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw configError(where, `key ${arch}.${key} is not a number`, { key });
  };
  const entries = Object.entries(KEYS).map(([ours, key]) => [ours, number(key)]);
  const numbers = Object.fromEntries(entries) as Record<keyof typeof KEYS, number>;
  const tokens = metadata.get('tokenizer.ggml.tokens');
  const type = metadata.get(`${arch}.pooling_type`) ?? 1;
  const pooling = POOLINGS[Number(type)];
  if (pooling === undefined)
    throw configError(
      where,
      `key ${arch}.pooling_type ${String(type).slice(0, 20)}; expected 1 to 3`,
      {
        type: String(type),
      },
    );
  const name = metadata.get('general.name');
  return {
    ...numbers,
    nVocab: Array.isArray(tokens) ? tokens.length : 0,
    nTokenType,
    maxTokens: numbers.nCtx,
    pooling,
    normalize: true,
    ...encoderPrompts({}, typeof name === 'string' ? name.replaceAll(' ', '-') : ''),
  };
}
