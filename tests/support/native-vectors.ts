/** What llama.cpp makes of texts with an embedding model: one vector of length one each, or the scores of a reranker. */
import type { Token } from 'node-llama-cpp';
import { toLengthOne } from '../../engine/model/encoder/pooling.ts';

/** @param texts ids with what begins and ends a text of this model */
export async function nativeVectors(
  path: string,
  texts: readonly (readonly number[])[],
  nCtx: number,
  isRanker = false,
): Promise<Float32Array[]> {
  const llama = await openLlama();
  const model = await llama.loadModel({ modelPath: path, gpuLayers: 0 });
  // A text that attends both ways is one batch.
  const context = await model.createEmbeddingContext({ contextSize: nCtx, batchSize: nCtx });
  const vectors: Float32Array[] = [];
  for (const ids of texts) {
    const { vector } = await context.getEmbeddingFor(ids as Token[]);
    const values = Float32Array.from(vector);
    vectors.push(isRanker ? values : toLengthOne(values));
  }
  await context.dispose();
  await model.dispose();
  await llama.dispose();
  return vectors;
}

/** Relevance of documents, from 0 to 1, to a query: tokens, pairs and scores are llama.cpp's. */
export async function nativeRanks(
  path: string,
  query: string,
  documents: readonly string[],
  nCtx: number,
): Promise<number[]> {
  const llama = await openLlama();
  const model = await llama.loadModel({ modelPath: path, gpuLayers: 0 });
  const context = await model.createRankingContext({ contextSize: nCtx, batchSize: nCtx });
  // Given texts, the package would take the space away that begins each.
  const tokens = (text: string): Token[] => model.tokenize(text, false);
  const ranks = await context.rankAll(tokens(query), documents.map(tokens));
  await context.dispose();
  await model.dispose();
  await llama.dispose();
  return ranks;
}

async function openLlama() {
  const { getLlama } = await import('node-llama-cpp');
  return await getLlama({
    ...{ gpu: false, build: 'never', maxThreads: 1, logLevel: 'error' as never },
  });
}
