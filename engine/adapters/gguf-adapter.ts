/**
 * GGUF files of adapters, as llama.cpp's convert_lora_to_gguf.py writes and its src/llama-adapter.cpp reads them.
 * The factor of a pair is alpha / rank, and 1 without an alpha.
 */
import { archByName } from '../archs/index.ts';
import type { ByteSource } from '../formats/byte-source.ts';
import { readGguf } from '../formats/gguf.ts';
import type { GgufMetadata } from '../formats/gguf.ts';
import type { SourceTensor } from '../formats/source-tensor.ts';
import { adapterOf, otherBase, readActivation, unsupported } from './adapter.ts';
import type { Adapter, AdapterBase } from './adapter.ts';
import { completePairs } from './peft.ts';
import { readPairs, shown } from './read-pairs.ts';
import type { TensorPair } from './read-pairs.ts';
import { targetTable } from './targets.ts';

const PAIR_NAME = /^(.+)\.weight\.lora_(a|b)$/;
export const ACTIVATION_KEY = 'adapter.alora.invocation_tokens';

/**
 * @throws {EngineError} E_ADAPTER_UNSUPPORTED, E_ADAPTER_BASE, E_TENSOR_MISSING, E_TENSOR_SHAPE; what `readGguf` throws
 */
export async function readGgufAdapter(source: ByteSource, base: AdapterBase): Promise<Adapter> {
  const { metadata, tensors } = await readGguf([source]);
  checkMetadata(source.name, metadata, base);
  const alpha = metadata.get('adapter.lora.alpha') ?? 0;
  if (typeof alpha !== 'number' || !Number.isFinite(alpha) || alpha < 0)
    throw unsupported(source.name, 'adapter.lora.alpha is not a number', 'a number from 0');
  const activation = readActivation(source.name, metadata.get(ACTIVATION_KEY), base);
  const pairs = await readPairs(
    source.name,
    pairTensors(source.name, tensors),
    targetTable(base, 'gguf'),
    (_module, rank) => (alpha === 0 ? 1 : alpha / rank),
  );
  const name = metadata.get('general.base_model.0.name');
  const baseName = typeof name === 'string' ? name.slice(0, 500) : null;
  return adapterOf(source.name, pairs, { alpha, activation, baseName });
}

function checkMetadata(where: string, metadata: GgufMetadata, { architecture }: AdapterBase): void {
  const expectText = (key: string, expected: string): void => {
    const got = metadata.get(key);
    if (got !== expected)
      throw unsupported(
        where,
        `${key} is ${typeof got === 'string' ? JSON.stringify(shown(got)) : 'missing'}`,
        JSON.stringify(expected),
        { key },
      );
  };
  expectText('general.type', 'adapter');
  expectText('adapter.type', 'lora');
  const family = metadata.get('general.architecture');
  const { ggufNames } = archByName(architecture);
  if (typeof family !== 'string' || !ggufNames.includes(family))
    throw otherBase(
      where,
      `is for the architecture ${shown(String(family))}`,
      `${ggufNames.join(' or ')}, as the base has it`,
    );
}

function pairTensors(
  where: string,
  tensors: readonly SourceTensor[],
): ReadonlyMap<string, TensorPair> {
  const halves = new Map<string, Partial<Record<'A' | 'B', SourceTensor>>>();
  for (const tensor of tensors) {
    const [, module, half] = PAIR_NAME.exec(tensor.name) ?? [];
    if (module === undefined)
      throw unsupported(
        where,
        `has tensor ${shown(tensor.name)}`,
        'only weights with .lora_a and .lora_b',
        {
          tensor: shown(tensor.name),
        },
      );
    halves.set(module, { ...halves.get(module), [half === 'a' ? 'A' : 'B']: tensor });
  }
  return completePairs(where, halves);
}
