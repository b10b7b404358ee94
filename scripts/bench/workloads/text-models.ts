/** The bench of a text model: what its rows and peers need, each part only if one of them does. */
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { EngineError } from '../../../engine/base/errors.ts';
import type { DecoderManifest } from '../../../engine/manifest/manifest.ts';
import { servedContext } from '../../../engine/model/decoder/plan.ts';
import { DEFAULT_BUDGET_BYTES } from '../../../engine/placement/assign.ts';
import { build } from '../../build/build.ts';
import { changePlacement } from '../../push/place.ts';
import { fillPool, readStored } from '../../push/pool.ts';
import {
  findImported,
  listImported,
  obtainTextModel,
  pushFiles,
  withLocalBucket,
} from '../../dev/prepare.ts';
import { importModel } from '../../import/import-model.ts';
import { interruptSignal, onInterrupt } from '../../lib/interrupt.ts';
import { modelsDir } from '../../lib/paths.ts';
import { formatSeconds } from '../../lib/progress.ts';
import { runStep } from '../../lib/step.ts';
import { withTemporaryFolder } from '../../lib/temporary-folder.ts';
import { encodeChat } from '../../node-host/chat-prompt.ts';
import { readTokenizer } from '../../node-host/model-files.ts';
import { pullModel } from '../../pull/pull.ts';
import { pinnedCore } from '../peers/peer-child.ts';
import type { PeerConfig } from '../peers/peer.ts';
import type { PeerName } from '../peers/peers.ts';
import { STRUCTURED_TASK } from '../peers/structured-task.ts';
import type { BenchFacts } from '../report/report.ts';
import { contextNeeded } from '../report/rows.ts';
import type { BenchRow } from '../report/rows.ts';
import { runBench } from '../report/run.ts';
import type { BenchResult } from '../report/run.ts';

export interface TextBenchOptions {
  /** A model of the catalogue, or an imported one. */
  readonly model: string;
  /** Those that do not fit the model are left out. */
  readonly rows: readonly BenchRow[];
  readonly peers: readonly PeerName[];
  readonly rounds: number;
  /** Take other programs' share of the core out of rates and times. */
  readonly ownTime: boolean;
}

export interface TextBench {
  readonly facts: BenchFacts;
  readonly result: BenchResult;
}

/** A task that small models can do: nearly all of the answer is a copy. */
const REWRITE_TASK =
  'Rewrite the following text. Correct spelling mistakes and keep everything else exactly as it is.' +
  '\n\nThe harbour town woke slowly. Fishermen mended their nets on the quay, and the baker carried ' +
  "warm bread to the inn at the corner. By eight o'clock the market was full: apples from the hills, " +
  'cheese from the valley, and silver herring still wet from the sea. Children ran between the stalls ' +
  'and counted the boats that came in with the tide. At noon the bells rang, the stalls were closed, ' +
  'and the town was quiet again until the evening.';

/** @throws {EngineError} E_USAGE when no peer answers a row; E_MODEL_KIND; what preparing a peer throws. */
export async function benchTextModel(options: TextBenchOptions): Promise<TextBench> {
  await build();
  const manifest = await obtainTextModel(options.model);
  const rows = options.rows.filter((row) => fitsModel(row, manifest));
  const peers = options.peers.filter((peer) => rows.some((row) => row.peers.includes(peer)));
  if (peers.length === 0)
    throw new EngineError(
      'E_USAGE',
      `bench: no chosen peer answers a chosen row. ${rows.map((row) => `${row.name}: ${row.peers.join(', ')}`).join('; ')}.`,
    );
  return await withTemporaryFolder('bench', async (persist) => {
    const config = await prepare(manifest, peers, rows, persist);
    const facts = factsOf(manifest, options);
    // In one isolate it may have been placed with less context than by default.
    const fitting = rows.filter((row) => contextNeeded(row) <= config.nCtx);
    return { facts, result: await benchStep(fitting, peers, config, facts) };
  });
}

function benchStep(
  rows: readonly BenchRow[],
  peers: readonly PeerName[],
  config: PeerConfig,
  { rounds, pinnedCore, ownTime }: BenchFacts,
): Promise<BenchResult> {
  return runStep('bench', async ({ onProgress }) => {
    const startedAt = performance.now();
    const forgets: (() => void)[] = [];
    const value = await runBench({
      ...{ rows, peers, rounds, config, pinnedCore, ownTime },
      signal: interruptSignal,
      onProgress: (done, total, note) => onProgress({ done, total, unit: 'items', note }),
      onStart: (end) => forgets.push(onInterrupt(end)),
    });
    for (const forget of forgets) forget();
    const text = `${rows.length} rows, ${peers.length} peers, ${rounds} rounds, ${formatSeconds((performance.now() - startedAt) / 1000)}`;
    return { text, value };
  });
}

async function prepare(
  manifest: DecoderManifest,
  peers: readonly PeerName[],
  rows: readonly BenchRow[],
  persist: string,
): Promise<PeerConfig> {
  const { id, config } = manifest;
  const has = (...names: PeerName[]) => names.some((name) => peers.includes(name));
  const pool = has('workerd', 'workerd-large')
    ? await poolStep(id, persist)
    : { nIsolate: 1, nCtx: servedContext(config) };
  const gguf = has('llama.cpp', 'llama.cpp-q4_0', 'wllama') ? await ggufOf(manifest) : '';
  return {
    modelId: id,
    losslessId: has('node-lossless') ? await losslessOf(manifest) : '',
    gguf,
    ggufQ40: has('llama.cpp-q4_0') ? await q40Step(gguf) : '',
    ...{ persist, ...pool },
    inspects: rows.some(({ question }) => question.ask === 'peakMemory'),
    nVocab: config.nVocab,
    rewritePrompt: await taskPrompt(manifest, REWRITE_TASK),
    structuredPrompt: await taskPrompt(manifest, STRUCTURED_TASK),
  };
}

interface Pool {
  readonly nIsolate: number;
  /** Positions the model was placed with. */
  readonly nCtx: number;
}

/** The model in a bucket of the bench's own, in as many isolates as it needs. */
async function poolStep(id: string, persist: string): Promise<Pool> {
  return await withLocalBucket(async (bucket) => {
    await pushFiles(bucket, id);
    const request = { budgetBytes: DEFAULT_BUDGET_BYTES, defaultModel: id };
    const { nIsolate, models } = await changePlacement(bucket, async (placement) =>
      fillPool(placement, await readStored(bucket, placement), {
        ...{ ...request, nIsolate: 'auto' },
        required: new Map([[id, {}]]),
      }),
    );
    return { nIsolate, nCtx: models[0]!.nCtx ?? 0 };
  }, persist);
}

function fitsModel(row: BenchRow, { config, chatTemplate }: DecoderManifest): boolean {
  if (['rewrite', 'structured'].includes(row.question.ask) && chatTemplate === null) return false;
  return contextNeeded(row) <= servedContext(config);
}

/** Token ids of a task; none for a model without a chat template. */
async function taskPrompt(manifest: DecoderManifest, task: string): Promise<number[]> {
  if (manifest.chatTemplate === null) return [];
  const tokenizer = await readTokenizer(join(modelsDir(), manifest.id), manifest);
  return encodeChat({ tokenizer, manifest }, task);
}

async function ggufOf({ id, source }: DecoderManifest): Promise<string> {
  const entry = source.replace(/^catalogue:/, '');
  const { path } = entry === source ? { path: '' } : await pullModel(entry);
  if (path.endsWith('.gguf')) return path;
  throw new EngineError(
    'E_USAGE',
    `bench: llama.cpp and wllama read GGUF files, and ${id} does not come from one of the catalogue. Leave --peers out, or choose peers with --only.`,
    { details: { id, source } },
  );
}

function q40Step(gguf: string): Promise<string> {
  return runStep('q4_0', async () => {
    const { q40File } = await import('./q4_0-file.ts');
    const value = await q40File(gguf);
    return { text: value, value };
  });
}

/** Id of the same file imported without loss; imported now if there is none. */
async function losslessOf(manifest: DecoderManifest): Promise<string> {
  for (const id of await listImported('decoder')) {
    const other = await findImported(id);
    if (other?.kind !== 'decoder') continue;
    if (other.preset === 'lossless' && other.sourceSha256 === manifest.sourceSha256) return id;
  }
  const input = await ggufOf(manifest);
  return await runStep('lossless', async ({ onProgress }) => {
    const id = `${manifest.id}-lossless`;
    const { licence, card, source } = manifest;
    await importModel({
      input,
      id,
      preset: 'lossless',
      about: { licence, card, source, name: `${manifest.name}, lossless` },
      outRoot: modelsDir(),
      force: true,
      onProgress,
    });
    return { text: id, value: id };
  });
}

function factsOf(
  { id, preset }: DecoderManifest,
  { rounds, ownTime }: Pick<TextBenchOptions, 'rounds' | 'ownTime'>,
): BenchFacts {
  return {
    model: id,
    preset,
    date: new Date().toISOString().slice(0, 10),
    rounds,
    pinnedCore: pinnedCore(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown processor',
    ownTime,
    loadBefore: Number(loadavg()[0]?.toFixed(2) ?? 0),
  };
}
