/**
 * Embeddings: our engine in this process beside onnxruntime-web on an int8 graph of the same model, one
 * thread each, alternating; and our server in workerd over HTTP. Numbers are texts a second.
 */
import { EngineError } from '../../../engine/base/errors.ts';
import { loadLocalEncoder } from '../../node-host/encoder.ts';
import { openOnnxSession } from '../peers/onnx-session.ts';
import { formatSpread, pairedRatio, spread } from '../report/statistics.ts';
import type { Sample, Spread } from '../report/statistics.ts';

/** Texts in one call, and tokens of each. */
export const EMBEDDING_ROWS: readonly EmbeddingRow[] = [
  { nText: 1, nTok: 16 },
  { nText: 16, nTok: 16 },
  { nText: 1, nTok: 128 },
  { nText: 4, nTok: 128 },
];
export interface EmbeddingRow {
  readonly nText: number;
  readonly nTok: number;
}

/** Calls are repeated until they take about this long. */
const TARGET_MS = 150;

export interface EmbeddingBenchOptions {
  readonly modelId: string;
  /** An ONNX graph with input_ids, attention_mask and token_type_ids; null leaves the peer out. */
  readonly peerGraph: string | null;
  /** Address of a running server with the model; null leaves it out. */
  readonly url: string | null;
  readonly rounds: number;
  readonly onProgress?: (line: string) => void;
}

export interface EmbeddingBenchRow extends EmbeddingRow {
  readonly textsPerSecond: Readonly<Record<string, Spread>>;
  /** Ours in Node over the peer's, round by round. */
  readonly ratio: Spread | null;
}

type Embed = (texts: readonly (readonly number[])[]) => Promise<unknown>;
interface EmbeddingPeer {
  readonly name: string;
  readonly embed: Embed;
}

/** @throws {EngineError} E_MODEL_NOT_FOUND, E_USAGE for a graph that cannot be read. */
export async function benchEmbeddings(
  options: EmbeddingBenchOptions,
): Promise<EmbeddingBenchRow[]> {
  const { engine } = await loadLocalEncoder(options.modelId);
  const peers: EmbeddingPeer[] = [{ name: 'node', embed: (texts) => engine.embed(texts) }];
  if (options.peerGraph !== null)
    peers.push({ name: 'onnxruntime-web', embed: await openOnnxPeer(options.peerGraph) });
  if (options.url !== null)
    peers.push({ name: 'workerd', embed: httpPeer(options.url, options.modelId) });
  const rows: EmbeddingBenchRow[] = [];
  for (const row of EMBEDDING_ROWS) {
    options.onProgress?.(`${row.nText} texts of ${row.nTok} tokens`);
    rows.push(await measure(row, peers, options.rounds));
  }
  return rows;
}

async function measure(
  row: EmbeddingRow,
  peers: readonly EmbeddingPeer[],
  rounds: number,
): Promise<EmbeddingBenchRow> {
  const texts = benchTexts(row);
  const samples = new Map(peers.map(({ name }): [string, Sample[]] => [name, []]));
  const calls = new Map<string, number>();
  for (const { name, embed } of peers) {
    await timeCalls(embed, texts, 2);
    const ms = (await timeCalls(embed, texts, 3)) / 3;
    calls.set(name, Math.max(1, Math.ceil(TARGET_MS / ms)));
  }
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? peers : peers.toReversed();
    for (const { name, embed } of order) {
      const n = calls.get(name)!;
      const ms = await timeCalls(embed, texts, n);
      samples.get(name)!.push({ round, value: (n * row.nText * 1000) / ms });
    }
  }
  const textsPerSecond = Object.fromEntries(
    [...samples].map(([name, list]) => [name, spread(list.map(({ value }) => value))]),
  );
  const peer = samples.get('onnxruntime-web');
  return {
    ...row,
    textsPerSecond,
    ratio: peer === undefined ? null : pairedRatio(samples.get('node')!, peer),
  };
}

/** Plain words of the vocabulary; which ones does not change the time. */
function benchTexts({ nText, nTok }: EmbeddingRow): number[][] {
  return Array.from({ length: nText }, (_, i) =>
    Array.from({ length: nTok }, (_, k) => 2000 + ((i * 37 + k * 91) % 20_000)),
  );
}

async function timeCalls(
  embed: Embed,
  texts: readonly (readonly number[])[],
  calls: number,
): Promise<number> {
  const startedAt = performance.now();
  for (let i = 0; i < calls; i++) await embed(texts);
  return performance.now() - startedAt;
}

/** One call of the graph for all texts, which are of one length: nothing is padded. */
async function openOnnxPeer(path: string): Promise<Embed> {
  const { session, Tensor } = await openOnnxSession(path);
  return async (texts) => {
    const dims = [texts.length, texts[0]!.length];
    const whole = (value: (id: number) => number) =>
      new Tensor(
        'int64',
        BigInt64Array.from(texts.flat(), (id) => BigInt(value(id))),
        dims,
      );
    const all = {
      input_ids: whole((id) => id),
      attention_mask: whole(() => 1),
      token_type_ids: whole(() => 0),
    };
    const feeds = Object.entries(all).filter(([name]) => session.inputNames.includes(name));
    return await session.run(Object.fromEntries(feeds));
  };
}

function httpPeer(url: string, model: string): Embed {
  return async (texts) => {
    const response = await fetch(`${url}/v1/embeddings`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model, input: texts, encoding_format: 'base64' }),
    });
    if (!response.ok)
      throw new EngineError('E_BACKEND_UNAVAILABLE', `bench: ${await response.text()}`);
    return await response.json();
  };
}

export function describeEmbeddings(rows: readonly EmbeddingBenchRow[]): string {
  return rows
    .map(({ nText, nTok, textsPerSecond, ratio }) => {
      const parts = Object.entries(textsPerSecond).map(
        ([name, values]) => `${name} ${formatSpread(values, 1)} texts/s`,
      );
      const against = ratio === null ? [] : [`${formatSpread(ratio, 2)}x onnxruntime-web`];
      return `${nText} x ${nTok} tokens: ${[...parts, ...against].join(', ')}\n`;
    })
    .join('');
}
