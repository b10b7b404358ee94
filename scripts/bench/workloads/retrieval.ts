/**
 * A collection of sentences in workerd: how fast they are added, how fast they are found, and how many
 * results of an exact search over float vectors are found.
 */
import { EngineError } from '../../../engine/base/errors.ts';
import { askServer, serverAddress } from '../../lib/ask-server.ts';
import type { LocalEncoder } from '../../node-host/encoder.ts';
import { spread } from '../report/statistics.ts';

const COLLECTION = 'bench';
const DOCUMENTS_A_REQUEST = 256;
const N_QUERY = 200;
const TOP_K = 10;
const MODES = ['vector', 'text', 'hybrid'] as const;
type Mode = (typeof MODES)[number];

export interface RetrievalResult {
  readonly passages: number;
  readonly passagesPerSecond: number;
  /** Time of the first search, of a collection that is not in memory. */
  readonly firstSearchMs: number;
  readonly milliseconds: Readonly<Record<Mode, { readonly median: number; readonly p95: number }>>;
  /** Share of the ten best by exact cosine of float vectors that a search by vectors finds. */
  readonly recallAt10: number;
}

interface Hit {
  readonly document: string;
}

/** @throws {EngineError} E_USAGE for too few sentences; what the server answers. */
export async function benchRetrieval(
  url: string,
  { engine, tokenizer, manifest }: LocalEncoder,
  sentences: readonly string[],
  restart: () => Promise<string>,
  onProgress: (line: string) => void,
): Promise<RetrievalResult> {
  if (sentences.length < N_QUERY * 2)
    throw new EngineError(
      'E_USAGE',
      `bench: expected at least ${N_QUERY * 2} sentences, got ${sentences.length}.`,
    );
  // Queries come from the same text and are not in the collection.
  const step = Math.floor(sentences.length / N_QUERY);
  const isQuery = (i: number) => i % step === 0 && i / step < N_QUERY;
  const queries = sentences.filter((_, i) => isQuery(i));
  const passages = sentences.filter((_, i) => !isQuery(i));
  const ask = (path: string, body: object) =>
    askServer(serverAddress(url, `/v1/collections${path}`, 'bench'), body);
  await ask('', { name: COLLECTION, model: manifest.id });
  const startedAt = performance.now();
  for (let i = 0; i < passages.length; i += DOCUMENTS_A_REQUEST) {
    onProgress(`${i} of ${passages.length} passages`);
    const documents = passages
      .slice(i, i + DOCUMENTS_A_REQUEST)
      .map((content, k) => ({ id: String(i + k), content }));
    await ask(`/${COLLECTION}/documents`, { documents });
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const address = await restart();
  const search = (query: string, mode: Mode, top_k = TOP_K) =>
    askServer(serverAddress(address, `/v1/collections/${COLLECTION}/search`, 'bench'), {
      ...{ query, mode, top_k },
    });
  const firstAt = performance.now();
  await search(queries[0]!, 'vector');
  const firstSearchMs = performance.now() - firstAt;
  const milliseconds = {} as Record<Mode, { median: number; p95: number }>;
  const found: string[][] = [];
  for (const mode of MODES) {
    const times: number[] = [];
    for (const query of queries) {
      const at = performance.now();
      const { data } = await search(query, mode);
      times.push(performance.now() - at);
      if (mode === 'vector') found.push((data as readonly Hit[]).map(({ document }) => document));
    }
    const p95 = times.toSorted((a, b) => a - b)[Math.ceil(times.length * 0.95) - 1]!;
    milliseconds[mode] = { median: spread(times).median, p95 };
    onProgress(`${mode}: ${milliseconds[mode].median.toFixed(1)} ms`);
  }
  const idsOf = (text: string) => [
    ...tokenizer.encode(text, { special: false, bos: true }),
    manifest.tokenizer.eosIds[0]!,
  ];
  const embed = async (texts: readonly string[]): Promise<Float32Array[]> => {
    const made: Float32Array[] = [];
    for (let i = 0; i < texts.length; i += DOCUMENTS_A_REQUEST)
      made.push(...(await engine.embed(texts.slice(i, i + DOCUMENTS_A_REQUEST).map(idsOf))));
    return made;
  };
  onProgress('exact search');
  const exact = exactSearch(await embed(passages), await embed(queries));
  const hits = exact.map((ids, q) => ids.filter((id) => found[q]!.includes(String(id))).length);
  return {
    passages: passages.length,
    passagesPerSecond: passages.length / seconds,
    firstSearchMs,
    milliseconds,
    recallAt10: hits.reduce((sum, n) => sum + n, 0) / (TOP_K * queries.length),
  };
}

function exactSearch(passages: readonly Float32Array[], queries: readonly Float32Array[]) {
  return queries.map((query) =>
    passages
      .map((vector, id) => ({ id, score: vector.reduce((sum, v, i) => sum + v * query[i]!, 0) }))
      .sort((a, b) => b.score - a.score)
      .slice(0, TOP_K)
      .map(({ id }) => id),
  );
}

export function describeRetrieval(result: RetrievalResult): string {
  const { passages, passagesPerSecond, firstSearchMs, milliseconds, recallAt10 } = result;
  return [
    `${passages} passages at ${passagesPerSecond.toFixed(0)} a second`,
    `first search after a restart: ${firstSearchMs.toFixed(0)} ms`,
    ...Object.entries(milliseconds).map(
      ([mode, { median, p95 }]) =>
        `${mode}: median ${median.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms`,
    ),
    `recall@${TOP_K} of vectors against exact float search: ${recallAt10.toFixed(4)}`,
    '',
  ].join('\n');
}
