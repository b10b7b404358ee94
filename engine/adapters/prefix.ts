/**
 * Trained prefixes: keys and values of positions before every text (prefix tuning, arXiv 2101.00190; cartridges, arXiv
 * 2506.06266), as PEFT's folder has them and in the base's own order of rows. Keys are turned already, for positions from 0
 * on, as a cache has them; texts begin after them.
 */
import type { ByteSource } from '../formats/byte-source.ts';
import { invalidFile } from '../formats/byte-source.ts';
import type { JsonObject } from '../formats/json.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { writeSafetensors } from '../formats/write-safetensors.ts';
import { MAX_PREFIX_POSITIONS } from '../manifest/adapters.ts';
import type { ModelConfig } from '../manifest/manifest.ts';
import type { PrefixLayer } from '../model/decoder/contract.ts';
import { f32ToF16, MAX_HALF } from '../quant/half.ts';
import { otherBase, unsupported } from './adapter.ts';
import type { AdapterBase } from './adapter.ts';
import { readValues, shown } from './read-pairs.ts';
import { turnedOrder } from './targets.ts';

export const PREFIX_TYPE = 'PREFIX_TUNING';
/** The only tensor of its file: [nPosition, 2 nLayer nKvHead headDim], keys and then values of each layer. */
export const PREFIX_TENSOR = 'prompt_embeddings';
const CONFIG_FILE = 'adapter_config.json';

export interface TrainedPrefix {
  readonly nPosition: number;
  /** By layer: halves [nPosition, nKvHead headDim], keys in the base's order of rows. */
  readonly layers: readonly PrefixLayer[];
  /** What its file calls the model it was made for. */
  readonly baseName: string | null;
}

export function isTrainedPrefix(adapter: object): adapter is TrainedPrefix {
  return 'nPosition' in adapter && 'layers' in adapter;
}

const kvWidth = ({ nKvHead, headDim }: ModelConfig): number => nKvHead * headDim;
/** For each column of a row of keys in the base, which it is in files. */
const keyOrder = (c: ModelConfig): Uint32Array | null =>
  turnedOrder(kvWidth(c), c.headDim, 'half', c.ropePairing);

/** Whether a configuration is that of a prefix. */
export function isPrefixConfig(config: JsonObject): boolean {
  return config['peft_type'] === PREFIX_TYPE;
}

/**
 * @param config of adapter_config.json
 * @param weights adapter_model.safetensors
 * @throws {EngineError} E_ADAPTER_UNSUPPORTED for what asks for more, E_ADAPTER_BASE for other sizes than the base's,
 *   E_FORMAT_INVALID, E_FORMAT_MAGIC, E_DTYPE_UNSUPPORTED
 */
export async function readPeftPrefix(
  config: JsonObject,
  weights: ByteSource,
  { config: c }: AdapterBase,
): Promise<TrainedPrefix> {
  if (config['prefix_projection'] === true)
    throw unsupported(CONFIG_FILE, 'prefix_projection is true', 'false, as it is once trained');
  const nPosition = config['num_virtual_tokens'];
  if (typeof nPosition !== 'number' || !Number.isInteger(nPosition) || nPosition < 1)
    throw invalidFile(CONFIG_FILE, 'num_virtual_tokens is not a number above 0', 'a number');
  if (nPosition > MAX_PREFIX_POSITIONS)
    throw unsupported(
      CONFIG_FILE,
      `num_virtual_tokens is ${nPosition}`,
      `at most ${MAX_PREFIX_POSITIONS}`,
      { nPosition },
    );
  const tensors = await readSafetensors([weights]);
  const [tensor] = tensors;
  if (tensor === undefined || tensors.length > 1 || tensor.name !== PREFIX_TENSOR)
    throw unsupported(
      weights.name,
      `has tensors ${tensors
        .map(({ name }) => shown(name))
        .slice(0, 3)
        .join(', ')}`,
      `only ${PREFIX_TENSOR}`,
    );
  const expected = [nPosition, 2 * c.nLayer * kvWidth(c)];
  if (tensor.dims.length !== 2 || tensor.dims.some((dim, i) => dim !== expected[i]))
    throw otherBase(
      weights.name,
      `${PREFIX_TENSOR} is [${tensor.dims.join(', ')}]`,
      `[${expected.join(', ')}]: ${nPosition} positions of ${c.nLayer} layers of ${c.nKvHead} heads of ${c.headDim} values`,
      { dims: tensor.dims },
    );
  const values = await readValues(tensor);
  const name = config['base_model_name_or_path'];
  const baseName = typeof name === 'string' ? name.slice(0, 500) : null;
  return { nPosition, layers: layersOf(values, nPosition, c), baseName };
}

/** @param values [nPosition, 2 nLayer kvWidth] in the order of files */
function layersOf(values: Float32Array, nPosition: number, c: ModelConfig): PrefixLayer[] {
  const width = kvWidth(c);
  const order = keyOrder(c);
  return Array.from({ length: c.nLayer }, (_, layer) => {
    const keys = new Uint16Array(nPosition * width);
    const out = new Uint16Array(nPosition * width);
    for (let position = 0; position < nPosition; position++) {
      const from = (position * 2 * c.nLayer + 2 * layer) * width;
      for (let i = 0; i < width; i++) {
        keys[position * width + i] = half(values[from + (order?.[i] ?? i)]!);
        out[position * width + i] = half(values[from + width + i]!);
      }
    }
    return { keys, values: out };
  });
}

/** @throws {EngineError} E_ADAPTER_UNSUPPORTED */
function half(value: number): number {
  if (Math.abs(value) <= MAX_HALF) return f32ToF16(value);
  throw unsupported(
    PREFIX_TENSOR,
    'has values that are too large for halves',
    `at most ${MAX_HALF}`,
  );
}

export interface PrefixFiles {
  /** adapter_config.json */
  readonly config: Readonly<Record<string, unknown>>;
  /** adapter_model.safetensors */
  readonly weights: Uint8Array<ArrayBuffer>;
}

/** PEFT's files of a prefix, in halves. */
export function writePeftPrefix(
  { nPosition, layers, baseName }: TrainedPrefix,
  { config: c }: Pick<AdapterBase, 'config'>,
): PrefixFiles {
  const width = kvWidth(c);
  const order = keyOrder(c);
  const values = new Uint16Array(nPosition * 2 * c.nLayer * width);
  for (const [layer, { keys, values: own }] of layers.entries())
    for (let position = 0; position < nPosition; position++) {
      const to = (position * 2 * c.nLayer + 2 * layer) * width;
      for (let i = 0; i < width; i++) {
        values[to + (order?.[i] ?? i)] = keys[position * width + i]!;
        values[to + width + i] = own[position * width + i]!;
      }
    }
  const shape = [nPosition, 2 * c.nLayer * width];
  const config = {
    ...{ peft_type: PREFIX_TYPE, task_type: 'CAUSAL_LM', base_model_name_or_path: baseName },
    ...{ num_virtual_tokens: nPosition, num_layers: c.nLayer, num_attention_heads: c.nKvHead },
    ...{ token_dim: width, num_transformer_submodules: 1, encoder_hidden_size: width },
    ...{ prefix_projection: false, inference_mode: true },
  };
  const tensor = { name: PREFIX_TENSOR, dtype: 'F16' as const, shape, values };
  return { config, weights: writeSafetensors([tensor], { format: 'pt' }) };
}
