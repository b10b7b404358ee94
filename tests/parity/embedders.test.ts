/**
 * Every family of embedding models that is read from GGUF on a tiny random model: the same vectors as llama.cpp
 * on the same file. Every bound is shown to bite.
 * @module-tag slow
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { importModel } from '../../scripts/import/import-model.ts';
import { loadLocalEncoder } from '../../scripts/node-host/encoder.ts';
import {
  EMBEDDER_FIXTURES,
  embedderGguf,
  RERANKER_FIXTURES,
  tensorsOfEmbedder,
  textsOf,
} from '../support/embedder-fixtures.ts';
import { temporaryFolder } from '../support/models.ts';
import { nativeRanks, nativeVectors } from '../support/native-vectors.ts';
import { bentTensor } from '../support/random-model.ts';
import { UNIGRAM_TEXTS } from '../support/unigram-vocabulary.ts';
import { pairIds } from '../../worker/serving/embedding/pair-ids.ts';

/** Of values of vectors of length one. Measured: 9e-5 to 4.2e-4; llama.cpp rounds attention and GELU to halves. */
const LLAMA_CPP_BOUND = 1e-3;

async function withFile<T>(data: Uint8Array, use: (file: string, root: string) => Promise<T>) {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'tiny.gguf');
  await writeFile(file, data);
  return await use(file, join(folder.path, 'models'));
}

const ours = (data: Uint8Array, texts: readonly (readonly number[])[], preset = 'lossless') =>
  withFile(data, async (input, outRoot) => {
    await importModel({ input, id: 'tiny', outRoot, preset });
    const { engine, manifest } = await loadLocalEncoder('tiny', {}, outRoot);
    return { vectors: await engine.embed(texts), manifest };
  });

function furthest(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  return Math.max(
    ...a.flatMap((vector, i) => Array.from(vector, (value, k) => Math.abs(value - b[i]![k]!))),
  );
}

describe.each(
  EMBEDDER_FIXTURES.map((fixture) => {
    const { family, variant } = fixture;
    return [variant === undefined ? family : `${family}, ${variant}`, fixture] as const;
  }),
)('%s', (_, fixture) => {
  const texts = textsOf(fixture);
  const tensors = tensorsOfEmbedder(fixture);

  it("gives llama.cpp's vectors, and others when anything is wrong", async () => {
    const reference = await withFile(embedderGguf(fixture), (file) =>
      nativeVectors(file, texts, fixture.config.nCtx),
    );
    const { vectors, manifest } = await ours(embedderGguf(fixture), texts);
    expect(manifest.architecture).toBe(fixture.family);
    expect(furthest(vectors, reference)).toBeLessThan(LLAMA_CPP_BOUND);
    const wrong = [
      embedderGguf(fixture, bentTensor(tensors, 'layers.1.oProj')),
      ...fixture.bites.map((bite) => embedderGguf(fixture, tensors, bite)),
    ];
    for (const [i, file] of wrong.entries()) {
      const bitten = await ours(file, texts);
      expect(furthest(bitten.vectors, reference), `bite ${i}`).toBeGreaterThan(2 * LLAMA_CPP_BOUND);
    }
  });

  it('gives a text the same vector alone and beside others', async () => {
    const { vectors } = await ours(embedderGguf(fixture), texts);
    for (const [i, text] of texts.entries()) {
      const alone = await ours(embedderGguf(fixture), [text]);
      expect(furthest(alone.vectors, [vectors[i]!])).toBeLessThan(1e-6);
    }
  });

  it('puts the ids around a text that the file says', async () => {
    const { manifest } = await ours(embedderGguf(fixture), texts);
    const { bosId, eosIds } = manifest.tokenizer;
    expect([bosId, ...eosIds]).toEqual([texts[0]![0], texts[0]!.at(-1)]);
  });

  it('refuses masks and positions that nothing here computes', async () => {
    const { ggufName, family } = fixture;
    const causal = family !== 'qwen3-embedding';
    const refused = [
      { [`${ggufName}.attention.causal`]: ['bool', causal] as const },
      { [`${ggufName}.rope.scaling.type`]: ['string', 'yarn'] as const },
      { [`${ggufName}.pooling_type`]: ['u32', 5] as const },
    ];
    for (const change of refused) {
      const key = Object.keys(change)[0]!;
      await expect(ours(embedderGguf(fixture, tensors, change), texts)).rejects.toThrow(key);
    }
  });
});

/** Of scores about one half. Measured: 1.9e-4 and 4.6e-4. */
const SCORE_BOUND = 2e-3;

const named = RERANKER_FIXTURES.map((fixture) => {
  const { family, variant } = fixture;
  return [variant === undefined ? family : `${family} ${variant}`, fixture] as const;
});

describe.each(named)('a reranker of %s', (_, fixture) => {
  const texts = textsOf(fixture);
  const tensors = tensorsOfEmbedder(fixture);
  const scores = (data: Uint8Array) =>
    withFile(data, async (input, outRoot) => {
      await importModel({ input, id: 'tiny', outRoot });
      const { engine, manifest } = await loadLocalEncoder('tiny', {}, outRoot);
      await expect(engine.embed(texts)).rejects.toMatchObject({ code: 'E_MODEL_KIND' });
      return { all: await engine.score(texts), manifest };
    });
  const furthestScore = (a: readonly number[], b: readonly Float32Array[]) =>
    Math.max(...a.map((score, i) => Math.abs(score - b[i]![0]!)));

  it("gives llama.cpp's scores, and others when anything is wrong", async () => {
    const { nCtx, nClass } = fixture.config;
    const reference = await withFile(embedderGguf(fixture), (file) =>
      nativeVectors(file, texts, nCtx, true),
    );
    expect(reference.map(({ length }) => length)).toEqual(texts.map(() => nClass));
    const { all, manifest } = await scores(embedderGguf(fixture));
    expect(furthestScore(all, reference)).toBeLessThan(SCORE_BOUND);
    expect(manifest.config).toMatchObject({ pooling: 'rank', nClass });
    const template = fixture.gguf?.['tokenizer.chat_template.rerank']?.[1];
    expect(manifest.config.rerankTemplate).toEqual(template);
    const wrong = [
      embedderGguf(fixture, bentTensor(tensors, 'layers.1.oProj')),
      embedderGguf(fixture, bentTensor(tensors, 'scoreProj')),
      ...fixture.bites.map((bite) => embedderGguf(fixture, tensors, bite)),
    ];
    for (const [i, file] of wrong.entries()) {
      const bitten = await scores(file);
      const far = furthestScore(bitten.all, reference);
      expect(far, `bite ${i}`).toBeGreaterThan(2 * SCORE_BOUND);
    }
  });
});

it("reads pairs of XLM-R's texts as llama.cpp does, down to the relevance", async () => {
  const fixture = RERANKER_FIXTURES.find(({ vocabulary }) => vocabulary === 'xlm-roberta')!;
  const { nCtx } = fixture.config;
  const query = 'the river and the stone';
  // What disputes there are about spaces: tokenizer-rows.test.ts.
  const documents = UNIGRAM_TEXTS.filter(
    (text) => text.trim() !== '' && text.length < 100 && !text.includes('\u2581'),
  );
  expect(documents.length).toBeGreaterThan(100);
  await withFile(embedderGguf(fixture), async (input, outRoot) => {
    const reference = await nativeRanks(input, query, documents, nCtx);
    await importModel({ input, id: 'tiny', outRoot });
    const local = await loadLocalEncoder('tiny', {}, outRoot);
    const relevance = async (of: string) => {
      const pairs = pairIds(local, of, documents, { truncate: false });
      return (await local.engine.score(pairs)).map((logit) => 1 / (1 + Math.exp(-logit)));
    };
    const far = (ranks: readonly number[]) =>
      Math.max(...ranks.map((rank, i) => Math.abs(rank - reference[i]!)));
    expect(far(await relevance(query))).toBeLessThan(SCORE_BOUND);
    expect(far(await relevance(`${query}.`))).toBeGreaterThan(2 * SCORE_BOUND);
  });
});

it('refuses rerankers of a family that has none, and vectors from scores', async () => {
  const [nomic, gemma] = EMBEDDER_FIXTURES;
  const ranked = { 'gemma-embedding.pooling_type': ['u32', 4] as const };
  await expect(
    ours(embedderGguf(gemma!, tensorsOfEmbedder(gemma!), ranked), textsOf(gemma!)),
  ).rejects.toThrow('rerankers of gemma-embedding are not supported');
  await withFile(embedderGguf(nomic!), async (input, outRoot) => {
    await importModel({ input, id: 'tiny', outRoot });
    const { engine } = await loadLocalEncoder('tiny', {}, outRoot);
    await expect(engine.score(textsOf(nomic!))).rejects.toMatchObject({ code: 'E_MODEL_KIND' });
  });
});
