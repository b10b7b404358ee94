/** A trained model as a folder that `thimble import` reads, in Hugging Face's form. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Modalities } from '../../engine/manifest/modalities.ts';
import type { DecoderShape } from '../../engine/train/decoder.ts';
import { encodeSafetensors } from '../lib/encode-safetensors.ts';
import { END_TOKEN } from './byte-tokenizer.ts';
import type { Trainer } from './trainer.ts';

export interface ExportedText {
  /** tokenizer.json */
  readonly json: string;
  /** Ends texts. */
  readonly endId: number;
  /** Ends generations; endId alone by default. */
  readonly endIds?: readonly number[];
  /** Of a model with projectors. */
  readonly modalities?: Modalities;
}

/** @param prefix what the names of its weights begin with, which a file leaves out */
export async function exportModel(
  folder: string,
  training: Trainer,
  shape: DecoderShape,
  tokenizer: ExportedText,
  prefix = '',
): Promise<void> {
  await mkdir(folder, { recursive: true });
  // A decoder's projectors are beside it.
  const names = [`${prefix}model.`, `${prefix}projectors.`];
  const own = training.program.plan.graph.weights.filter(({ name }) =>
    names.some((start) => name.startsWith(start)),
  );
  const tensors = own.map((weight) => ({
    name: weight.name.slice(prefix.length),
    shape: weight.nRow === 1 ? [weight.nCol] : [weight.nRow, weight.nCol],
    values: training.read(weight),
  }));
  const config = {
    ...{ architectures: ['LlamaForCausalLM'], model_type: 'llama', hidden_act: 'silu' },
    ...{ hidden_size: shape.dim, intermediate_size: shape.ffnDim },
    ...{ num_hidden_layers: shape.nLayer, num_attention_heads: shape.nHead },
    ...{ num_key_value_heads: shape.nKvHead, vocab_size: shape.nVocab },
    ...{ max_position_embeddings: shape.nContext, rms_norm_eps: shape.normEps },
    ...{ rope_theta: shape.ropeBase, tie_word_embeddings: true, torch_dtype: 'float32' },
    eos_token_id: tokenizer.endIds ?? tokenizer.endId,
    ...(tokenizer.modalities === undefined ? {} : { thimble_modalities: tokenizer.modalities }),
  };
  const text = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
  await writeFile(join(folder, 'model.safetensors'), encodeSafetensors(tensors, { format: 'pt' }));
  await writeFile(join(folder, 'config.json'), text(config));
  await writeFile(join(folder, 'tokenizer.json'), tokenizer.json);
  await writeFile(join(folder, 'tokenizer_config.json'), text({ eos_token: END_TOKEN }));
}
