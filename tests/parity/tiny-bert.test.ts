/**
 * A tiny encoder of random weights, written as a Hugging Face folder and as GGUF: beside what
 * transformers makes of it (golden/tiny-bert.json) and beside llama.cpp on the same file.
 */
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { EncoderConfig } from '../../engine/manifest/manifest.ts';
import { toLengthOne } from '../../engine/model/encoder/pooling.ts';
import { importModel } from '../../scripts/import/import-model.ts';
import { loadLocalEncoder } from '../../scripts/node-host/encoder.ts';
import { TINY_CONFIG, tinyEncoderGguf, writeTinyEncoder } from '../support/encoders.ts';
import { temporaryFolder } from '../support/models.ts';
import { nativeVectors } from '../support/native-vectors.ts';

interface Row {
  readonly text: string;
  readonly ids: readonly number[];
  readonly mean: readonly number[];
  readonly cls: readonly number[];
}

const golden = join(import.meta.dirname, '../golden/tiny-bert.json');
const { rows } = JSON.parse(readFileSync(golden, 'utf8')) as { rows: readonly Row[] };
const IDS = rows.map(({ ids }) => ids);
/** Six digits of the fixture, and sums of floats in another order. */
const TRANSFORMERS_BOUND = 5e-6;
/** llama.cpp rounds nothing to half precision where weights are F32 but its attention. Measured: 4e-4. */
const LLAMA_CPP_BOUND = 2e-3;

type Write = (folder: string) => Promise<string>;

const asFolder =
  (config: EncoderConfig): Write =>
  async (folder) => {
    await writeTinyEncoder(folder, config);
    return folder;
  };
const asGguf =
  (config: EncoderConfig): Write =>
  async (folder) => {
    const path = join(folder, 'tiny.gguf');
    await writeFile(path, tinyEncoderGguf(config));
    return path;
  };

/** Vectors and ids of the fixture's texts. */
async function encode(write: Write) {
  await using folder = await temporaryFolder();
  const input = await write(join(folder.path));
  await importModel({ input, id: 'tiny', outRoot: join(folder.path, 'models') });
  const { engine, tokenizer, manifest } = await loadLocalEncoder(
    'tiny',
    {},
    join(folder.path, 'models'),
  );
  const { bosId, eosIds } = manifest.tokenizer;
  const ids = rows.map(({ text }) => {
    const own = tokenizer.encode(text, { special: false });
    return [bosId, ...own.slice(0, TINY_CONFIG.maxTokens - 2), ...eosIds];
  });
  return { vectors: await engine.embed(IDS), ids, manifest };
}

function furthest(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  return Math.max(
    ...a.flatMap((vector, i) => Array.from(vector, (value, k) => Math.abs(value - b[i]![k]!))),
  );
}

describe.each(['mean', 'cls'] as const)('pooled by %s', (pooling) => {
  const config = { ...TINY_CONFIG, pooling };
  const wanted = rows.map((row) => toLengthOne(Float32Array.from(row[pooling])));

  test('a folder gives the ids and vectors of transformers', async () => {
    const { vectors, ids } = await encode(asFolder(config));
    expect(ids).toEqual(IDS);
    expect(furthest(vectors, wanted)).toBeLessThan(TRANSFORMERS_BOUND);
  });

  test('a GGUF gives the very same vectors', async () => {
    const folder = await encode(asFolder(config));
    const gguf = await encode(asGguf(config));
    expect(gguf.vectors).toEqual(folder.vectors);
    expect(gguf.ids).toEqual(folder.ids);
    expect(gguf.manifest.config).toMatchObject({ pooling, nTokenType: 2, nLayer: config.nLayer });
  });

  test('llama.cpp gives them, too', async () => {
    await using folder = await temporaryFolder();
    const path = await asGguf(config)(folder.path);

    expect(furthest(await nativeVectors(path, IDS, TINY_CONFIG.nCtx), wanted)).toBeLessThan(
      LLAMA_CPP_BOUND,
    );
  });
});

test('the comparison bites: a norm that is a little off is noticed', async () => {
  const off = { ...TINY_CONFIG, normEps: 1e-2 };
  const { vectors } = await encode(asFolder(off));
  const wanted = rows.map((row) => toLengthOne(Float32Array.from(row.mean)));
  expect(furthest(vectors, wanted)).toBeGreaterThan(2 * LLAMA_CPP_BOUND);
});
