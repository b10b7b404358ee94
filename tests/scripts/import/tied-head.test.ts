/** A head stored beside the embedding: one matrix rounded twice, or two. */
import { describe, expect, it } from 'vitest';
import type { SourceDtype } from '../../../engine/formats/source-dtypes.ts';
import { requireKind } from '../../../engine/manifest/manifest.ts';
import { dequantize } from '../../../engine/quant/dequantize.ts';
import { put, readWeights, run } from '../../support/import-folder.ts';
import { encodeFloats, isRoundedType, roundToBlocks } from '../../support/random-blocks.ts';
import { ggufOf, randomConfig, randomLlama, writtenTensor } from '../../support/random-llama.ts';
import type { TinyTensor } from '../../support/tiny-llama.ts';

const CONFIG = randomConfig();

interface Types {
  readonly embedding: SourceDtype;
  readonly head: SourceDtype;
}

/** A model whose head has the values `headOf` gives for those of the embedding. */
function modelOf(
  { embedding, head }: Types,
  headOf: (embedding: Float32Array, own: Float32Array) => Float32Array,
): { file: Uint8Array; headValues: Float32Array; embeddingValues: Float32Array } {
  const tensors = randomLlama(CONFIG);
  const valuesOf = (name: string) => tensors.find(({ instance }) => instance.name === name)!.values;
  const headBytes = encode(head, headOf(valuesOf('tokEmbd'), valuesOf('head')));
  const embeddingBytes = encode(embedding, valuesOf('tokEmbd'));
  const written = ({ instance, values }: TinyTensor) => {
    if (instance.name === 'head') return writtenTensor(instance, head, headBytes);
    if (instance.name === 'tokEmbd') return writtenTensor(instance, embedding, embeddingBytes);
    return writtenTensor(instance, 'F32', encodeFloats('F32', values));
  };
  return {
    file: ggufOf(CONFIG, tensors.map(written)),
    headValues: dequantize(head, headBytes),
    embeddingValues: dequantize(embedding, embeddingBytes),
  };
}

function encode(dtype: SourceDtype, values: Float32Array): Uint8Array {
  return isRoundedType(dtype) ? roundToBlocks(dtype, values) : encodeFloats(dtype, values);
}

const PAIRS: readonly Types[] = [
  { embedding: 'Q5_0', head: 'Q8_0' },
  { embedding: 'Q4_0', head: 'F16' },
  { embedding: 'Q8_0', head: 'Q8_0' },
  { embedding: 'F16', head: 'Q4_0' },
];

describe.each(PAIRS)('$embedding and $head', (types) => {
  it('are held once, from the more precise, when they are one matrix', async () => {
    const { file, headValues, embeddingValues } = modelOf(types, (embedding) => embedding);
    const path = await put('tied.gguf', file);
    const { manifest, folder, tables } = await run(path, { preset: 'q8' });
    const finer = types.embedding === 'F16' ? types.embedding : types.head;
    expect(tables).toMatchObject({ ...types, isSame: true, isHeldOnce: true, held: finer });
    expect(requireKind(manifest, 'decoder').config.tiedHead).toBe(true);
    const weights = await readWeights(folder);
    expect(weights.has('head')).toBe(false);
    const isHeadFiner = types.embedding !== 'F16';
    const held = isHeadFiner ? headValues : embeddingValues;
    const stored = weights.get('tokEmbd')!;
    const spread = Math.sqrt(held.reduce((sum, x) => sum + x * x, 0) / held.length);
    for (const [i, x] of held.entries()) expect(Math.abs(stored[i]! - x)).toBeLessThan(spread / 20);
  });

  it('are both kept by preset lossless', async () => {
    const path = await put('tied.gguf', modelOf(types, (embedding) => embedding).file);
    const { manifest, tables } = await run(path);
    expect(tables).toMatchObject({ isSame: true, isHeldOnce: false });
    expect(requireKind(manifest, 'decoder').config.tiedHead).toBe(false);
    expect(manifest.tensors.filter(({ name }) => name === 'head')).toHaveLength(1);
  });

  it('are both kept when they are different matrices', async () => {
    const path = await put('untied.gguf', modelOf(types, (_, own) => own).file);
    const { manifest, tables } = await run(path, { preset: 'q8' });
    expect(tables).toMatchObject({ isSame: false, isHeldOnce: false });
    expect(manifest.tensors.filter(({ name }) => name === 'head')).toHaveLength(1);
  });
});

it('are held as the file has the coarser, where a preset keeps that and would round the finer again', async () => {
  const types: Types = { embedding: 'Q5_0', head: 'Q8_0' };
  const { file, embeddingValues } = modelOf(types, (embedding) => embedding);
  const { folder, tables, reports } = await run(await put('tied.gguf', file), { preset: 'edge' });
  expect(tables).toMatchObject({ ...types, isHeldOnce: true, held: 'Q5_0' });
  expect(reports.get('tokEmbd')).toMatchObject({ exact: true });
  const stored = (await readWeights(folder)).get('tokEmbd')!;
  // Quants have one zero.
  expect(stored).toEqual(embeddingValues.map((x) => x + 0));
});

it('finds rows that were trained apart among equal ones', async () => {
  const { file } = modelOf({ embedding: 'Q5_0', head: 'Q8_0' }, (embedding, own) =>
    embedding.map((x, i) => (Math.floor(i / CONFIG.nEmbd) % 20 === 0 ? own[i]! : x)),
  );
  const { tables } = await run(await put('bent.gguf', file), { preset: 'q8' });
  expect(tables).toMatchObject({ isSame: false, isHeldOnce: false });
});

it('has nothing to say of a file without a head', async () => {
  const config = randomConfig({ tiedHead: true });
  const tensors = randomLlama(config).map(({ instance, values }) =>
    writtenTensor(instance, 'F32', encodeFloats('F32', values)),
  );
  const { tables } = await run(await put('one.gguf', ggufOf(config, tensors)), { preset: 'q8' });
  expect(tables).toBeNull();
});
