/** config.json and generation_config.json of a Hugging Face Whisper as a RecognitionConfig. */
import type { JsonObject } from '../../../engine/formats/json.ts';
import type { RecognitionConfig } from '../../../engine/manifest/recognition-config.ts';
import { configError } from './opened-model.ts';
import { headPairs, ids, minAudioCtx, recognitionTokens } from './recognition-tokens.ts';

/** transformers' fields; its classes have the same defaults for none of them. */
const FIELDS = {
  nMels: 'num_mel_bins',
  nAudioCtx: 'max_source_positions',
  nTextCtx: 'max_target_positions',
  nEmbd: 'd_model',
  nHead: 'decoder_attention_heads',
  nFf: 'decoder_ffn_dim',
  nAudioLayer: 'encoder_layers',
  nTextLayer: 'decoder_layers',
  nVocab: 'vocab_size',
} as const satisfies Partial<Record<keyof RecognitionConfig, string>>;

/** Epsilon of LayerNorm in every Whisper; not in the config. */
const NORM_EPS = 1e-5;

/** @throws {EngineError} E_FORMAT_INVALID naming the field; E_TOKENIZER_INVALID. */
export function recognitionConfigFromHf(
  json: JsonObject,
  generation: JsonObject,
  tokenizer: JsonObject,
): RecognitionConfig {
  const number = (field: string): number => {
    const value = json[field];
    if (typeof value === 'number') return value;
    throw configError('config.json', `${field}: expected a number`, { field });
  };
  const same = [
    ['encoder_attention_heads', 'decoder_attention_heads'],
    ['encoder_ffn_dim', 'decoder_ffn_dim'],
  ] as const;
  for (const [a, b] of same)
    if (number(a) !== number(b))
      throw configError('config.json', `${a} ${number(a)} is not ${b} ${number(b)}`, { field: a });
  if ((json['activation_function'] ?? 'gelu') !== 'gelu')
    throw configError('config.json', 'activation_function is not gelu', {});
  const entries = Object.entries(FIELDS).map(([ours, field]) => [ours, number(field)]);
  const numbers = Object.fromEntries(entries) as Record<keyof typeof FIELDS, number>;
  return {
    ...numbers,
    minAudioCtx: minAudioCtx(numbers.nAudioCtx),
    normEps: NORM_EPS,
    ...recognitionTokens(tokenizer, numbers.nVocab),
    suppress: ids(generation['suppress_tokens'] ?? json['suppress_tokens']),
    suppressFirst: ids(generation['begin_suppress_tokens'] ?? json['begin_suppress_tokens']),
    alignmentHeads: headPairs(generation['alignment_heads']),
  };
}
