/** How fast training is, beside PyTorch: steps of a small decoder, and of an adapter and a prefix of an imported model, in turns. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { EngineError } from '../../../engine/base/errors.ts';
import { type ModelConfig, requireKind } from '../../../engine/manifest/manifest.ts';
import { TARGETS } from '../../../engine/train/adapter/base.ts';
import type { DecoderShape } from '../../../engine/train/decoder.ts';
import { AdapterTraining, type Pass, type Shares } from '../../finetune/adapter-training.ts';
import { passFlops } from '../../finetune/flops.ts';
import { modelsDir, repoRoot } from '../../lib/paths.ts';
import { SeededRandom } from '../../lib/seeded-random.ts';
import { FileModelSource } from '../../node-host/model-files.ts';
import { readImported } from '../../push/push.ts';
import { type Batch, Training } from '../../train/training.ts';
import { pairedRatio, type Sample, type Spread, spread } from '../report/statistics.ts';

/** 2.6 million weights. */
const SHAPE: DecoderShape = {
  ...{ nLayer: 5, dim: 192, nHead: 6, nKvHead: 6, ffnDim: 512, nVocab: 2048 },
  ...{ nContext: 256, ropeBase: 10_000, normEps: 1e-5 },
};
const N_SEQUENCE = 16;
const ADAPTER_SEQUENCES = 4;
const ADAPTER_CONTEXT = 128;
const RANK = 8;
/** Of a prefix: its positions, and what a teacher says of each token. */
const PREFIX = 256;
const N_SHARE = 16;
const OPTIMIZER = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, maxNorm: 1 };
const RATE = 1e-4;
/** Steps before those that are measured: kernels become fast, and memory is there. */
const N_WARMUP = 2;

export interface TrainingBenchOptions {
  /** The base of the adapter. */
  readonly modelId: string;
  /** A Python that has torch, transformers and peft, or null for our side only. */
  readonly python: string | null;
  readonly nThread: number;
  readonly rounds: number;
  readonly onNote: (text: string) => void;
}

export interface TrainingBenchRow {
  readonly name: string;
  /** Tokens a second. */
  readonly ours: Spread;
  readonly gflops: number;
  readonly torch: Spread | null;
  /** Ours over PyTorch's, of steps that followed each other. */
  readonly ratio: Spread | null;
}

export interface TrainingBench {
  readonly bench: 'train';
  readonly threads: number;
  readonly rounds: number;
  readonly torch: string | null;
  readonly rows: readonly TrainingBenchRow[];
}

/** One side: a step, and what it costs. */
interface Side {
  readonly step: () => Promise<number>;
  readonly close: () => Promise<void>;
}

interface Workload {
  readonly name: string;
  readonly nToken: number;
  readonly nFlop: number;
  readonly start: () => Promise<Side>;
  /** What train-torch.py makes the same of. */
  readonly peer: Readonly<Record<string, unknown>>;
}

export async function benchTraining(options: TrainingBenchOptions): Promise<TrainingBench> {
  const { nThread: threads, rounds, onNote, python } = options;
  const rows: TrainingBenchRow[] = [];
  let torch: string | null = null;
  const workloads = [
    decoderWorkload(threads),
    await baseWorkload('adapter', options),
    await baseWorkload('prefix', options),
  ];
  for (const workload of workloads) {
    onNote(`${workload.name}: ${rounds} rounds`);
    const ours = await workload.start();
    const peer = python === null ? null : await startTorch(python, workload.peer);
    torch = peer?.version ?? null;
    try {
      const row = await measure(workload, ours, peer, rounds);
      rows.push(row);
      // Hours may pass until the last one, on a machine that has other things to do.
      onNote(describeRow(row).join('; '));
    } finally {
      await ours.close();
      await peer?.close();
    }
  }
  return { bench: 'train', threads, rounds, torch, rows };
}

async function measure(
  { name, nToken, nFlop }: Workload,
  ours: Side,
  peer: Side | null,
  rounds: number,
): Promise<TrainingBenchRow> {
  const speeds = { ours: [] as Sample[], peer: [] as Sample[] };
  for (let i = -N_WARMUP; i < rounds; i++)
    for (const [key, side] of [['ours', ours] as const, ['peer', peer] as const]) {
      if (side === null) continue;
      const seconds = await side.step();
      if (i >= 0) speeds[key].push({ round: i, value: nToken / seconds });
    }
  const values = (samples: readonly Sample[]) => samples.map(({ value }) => value);
  const found = spread(values(speeds.ours));
  return {
    ...{ name, ours: found, gflops: ((found.median / nToken) * nFlop) / 1e9 },
    torch: peer === null ? null : spread(values(speeds.peer)),
    ratio: pairedRatio(speeds.ours, speeds.peer),
  };
}

function decoderWorkload(nThread: number): Workload {
  const nToken = N_SEQUENCE * SHAPE.nContext;
  const { nLayer, dim, nHead, nKvHead, ffnDim, nVocab, nContext } = SHAPE;
  const nWeight = nLayer * (4 * dim * dim + 3 * dim * ffnDim) + nVocab * dim;
  const attention = (4 * nContext * dim * nLayer) / 2;
  return {
    name: 'decoder of 2.6 million weights',
    nToken,
    nFlop: nToken * 3 * (2 * nWeight + attention),
    peer: {
      ...{ kind: 'decoder', threads: nThread, sequences: N_SEQUENCE, context: nContext },
      config: {
        ...{ vocab_size: nVocab, hidden_size: dim, intermediate_size: ffnDim },
        ...{ num_hidden_layers: nLayer, num_attention_heads: nHead, num_key_value_heads: nKvHead },
        ...{ max_position_embeddings: nContext, tie_word_embeddings: true },
      },
    },
    start: async () => {
      const config = { shape: SHAPE, nSequence: N_SEQUENCE, nThread, optimizer: OPTIMIZER };
      const training = await Training.start(config, 1);
      const { tokens, targets } = randomTokens(nToken, nVocab);
      const batch: Batch = { tokens, targets, weights: new Float32Array(nToken).fill(1) };
      const step = (): Promise<number> => timed(() => void training.step([batch], RATE));
      return { step, close: () => training.close() };
    },
  };
}

/** What is learned of an imported model. */
const LEARNED = {
  adapter: { rank: RANK, targets: TARGETS, nPrefix: 0, nShare: 0 },
  prefix: { rank: 1, targets: [], nPrefix: PREFIX, nShare: N_SHARE },
} as const;

async function baseWorkload(
  kind: keyof typeof LEARNED,
  { modelId, nThread }: TrainingBenchOptions,
): Promise<Workload> {
  const dir = join(modelsDir(), modelId);
  const manifest = requireKind((await readImported(dir, modelId)).manifest, 'decoder');
  const { config: c } = manifest;
  const nToken = ADAPTER_SEQUENCES * ADAPTER_CONTEXT;
  const learned = LEARNED[kind];
  const pass = evenPass(c, nToken);
  const shares = learned.nShare === 0 ? null : evenShares(c, nToken);
  return {
    name: `${kind} of ${modelId}`,
    nToken,
    nFlop: passFlops(c, { ...learned, prefix: learned.nPrefix }, pass),
    peer: {
      ...{ kind, threads: nThread, rank: RANK, prefix: PREFIX, shares: N_SHARE },
      ...{ sequences: ADAPTER_SEQUENCES, context: ADAPTER_CONTEXT },
      config: {
        ...{ vocab_size: c.nVocab, hidden_size: c.nEmbd, intermediate_size: c.nFf },
        ...{ num_hidden_layers: c.nLayer, num_attention_heads: c.nHead },
        ...{ num_key_value_heads: c.nKvHead, head_dim: c.headDim },
        ...{ max_position_embeddings: c.nCtx, tie_word_embeddings: c.tiedHead },
      },
    },
    start: async () => {
      const { id, architecture, config, tensors, shards } = manifest;
      const base = { id, architecture, config, tensors, shards };
      const adapter = { ...learned, base, alpha: 2 * learned.rank, nRow: nToken };
      const program = { adapter, nThread, optimizer: OPTIMIZER };
      const source = new FileModelSource(dir, manifest);
      const training = await AdapterTraining.start(program, source, 1);
      const step = (): Promise<number> =>
        timed(() => {
          training.clear();
          training.learn({ ...pass, shares });
          training.step(RATE, nToken);
        });
      return { step, close: () => training.close() };
    },
  };
}

/** Sequences of one length, of which every token is learned: PyTorch takes no others at the same price. */
function evenPass({ nVocab }: ModelConfig, nToken: number): Pass {
  const { tokens, targets } = randomTokens(nToken, nVocab);
  const starts = Uint32Array.from({ length: ADAPTER_SEQUENCES + 1 }, (_, i) => i * ADAPTER_CONTEXT);
  const ones = (): Float32Array => new Float32Array(nToken).fill(1);
  const picks = Uint32Array.from(tokens, (_, i) => i);
  return { tokens, starts, active: ones(), picks, targets, weights: ones() };
}

/** A teacher that says the same of every token. */
function evenShares({ nVocab }: ModelConfig, nToken: number): Shares {
  const ids = Uint32Array.from({ length: nToken * N_SHARE }, (_, i) => (i * 97) % nVocab);
  return { ids, values: new Float32Array(ids.length).fill(1 / N_SHARE) };
}

function randomTokens(n: number, nVocab: number) {
  const random = new SeededRandom(1);
  const ids = (): Uint32Array =>
    Uint32Array.from({ length: n }, () => random.integer(0, nVocab - 1));
  return { tokens: ids(), targets: ids() };
}

/** Seconds. */
async function timed(work: () => void): Promise<number> {
  // Other threads of Node begin what they have to do outside of what is measured.
  await new Promise((resolve) => setImmediate(resolve));
  const begin = performance.now();
  work();
  return (performance.now() - begin) / 1000;
}

interface TorchSide extends Side {
  readonly version: string;
}

/** @throws {EngineError} E_USAGE for a Python that lacks what it needs */
async function startTorch(python: string, job: Workload['peer']): Promise<TorchSide> {
  const file = join(repoRoot, 'scripts/bench/workloads/train-torch.py');
  const child = spawn(python, [file, JSON.stringify(job)], { stdio: ['pipe', 'pipe', 'pipe'] });
  let said = '';
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => (said = (said + text).slice(-2000)));
  const failed = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('close', () => reject(new Error(said.trim().split('\n').at(-1) ?? 'it ended')));
  });
  failed.catch(() => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<Record<string, unknown>> => {
    const { value } = await Promise.race([lines.next(), failed]);
    return JSON.parse(value ?? (await failed)) as Record<string, unknown>;
  };
  const ready = await next().catch((cause: unknown) => {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new EngineError(
      'E_USAGE',
      `bench: --python ${python}: ${what}. Give a Python that has torch, transformers and peft.`,
      { cause },
    );
  });
  return {
    version: String(ready['torch']),
    step: async () => {
      child.stdin.write('step\n');
      return Number((await next())['seconds']);
    },
    close: async () => {
      child.stdin.end();
      await failed.catch(() => undefined);
    },
  };
}

function describeRow({ name, ours, gflops, torch, ratio }: TrainingBenchRow): string[] {
  const speed = ({ median, min, max }: Spread): string =>
    `${median.toFixed(0)} tokens/s (${min.toFixed(0)} to ${max.toFixed(0)})`;
  return [
    name,
    `  thimble  ${speed(ours)}, ${gflops.toFixed(1)} GFLOP/s`,
    ...(torch === null ? [] : [`  torch    ${speed(torch)}`]),
    ...(ratio === null ? [] : [`  ratio    ${spreadOf(ratio)}`]),
  ];
}

const spreadOf = ({ median, min, max }: Spread): string =>
  `${median.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)})`;

export function describeTraining({ rows, threads }: TrainingBench): string {
  return [`${threads} threads`, ...rows.flatMap(describeRow)].join('\n');
}
