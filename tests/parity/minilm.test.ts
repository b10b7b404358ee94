/** The real all-MiniLM-L6-v2 against float32 vectors of another implementation (golden/minilm.json). */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importModel } from '../../scripts/import/import-model.ts';
import { loadLocalEncoder } from '../../scripts/node-host/encoder.ts';
import { MINILM_ID } from '../support/encoders.ts';
import { findModelFile } from '../support/needs.ts';

interface Row {
  readonly text: string;
  readonly ids: readonly number[];
  /** With the first text, all values. */
  readonly cosine: number;
  /** The first 32 of 384 values. */
  readonly vector: readonly number[];
}

const rows = JSON.parse(
  readFileSync(join(import.meta.dirname, '../golden/minilm.json'), 'utf8'),
) as Row[];
const path = findModelFile(MINILM_ID);

describe.skipIf(path === null)(`${MINILM_ID}, when its file is in the cache`, () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'thimble-minilm-'));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));

  const load = async (preset: string) => {
    await importModel({ input: path!, id: preset, preset, outRoot: root });
    return await loadLocalEncoder(preset, {}, root);
  };

  test('without loss: ids and vectors are those of the reference', async () => {
    const { engine, tokenizer, manifest } = await load('lossless');
    const ids = rows.map(({ text }) => [
      ...tokenizer.encode(text, { special: false, bos: true }),
      manifest.tokenizer.eosIds[0]!,
    ]);
    expect(ids).toEqual(rows.map((row) => row.ids));
    const vectors = await engine.embed(ids);
    for (const [i, vector] of vectors.entries()) {
      for (const [k, value] of rows[i]!.vector.entries())
        expect(Math.abs(vector[k]! - value)).toBeLessThan(2e-5);
      expect(Math.abs(dot(vector, vectors[0]!) - rows[i]!.cosine)).toBeLessThan(2e-5);
    }
  });

  test('in 81 steps, as it is served: cosines of texts stay', async () => {
    const { engine } = await load('q6b');
    const vectors = await engine.embed(rows.map(({ ids }) => ids));
    for (const [i, vector] of vectors.entries())
      expect(Math.abs(dot(vector, vectors[0]!) - rows[i]!.cosine)).toBeLessThan(0.05);
  });
});

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}
