/** `thimble bench`: speed of an imported model, beside peers on the same file, in the same run. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import { requireKind } from '../../engine/manifest/manifest.ts';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import { servedContext } from '../../engine/model/decoder/plan.ts';
import { benchKernels } from '../bench/workloads/kernels.ts';
import { pinnedCore } from '../bench/peers/peer-child.ts';
import type { PeerConfig } from '../bench/peers/peer.ts';
import { findPeer, PEER_NAMES } from '../bench/peers/peers.ts';
import type { PeerName } from '../bench/peers/peers.ts';
import { openReadLoop } from '../bench/peers/read-loop.ts';
import { describeResult, othersOf, resultJson } from '../bench/report/report.ts';
import type { BenchFacts } from '../bench/report/report.ts';
import { STRUCTURED_TASK } from '../bench/peers/structured-task.ts';
import { BENCH_ROWS, contextNeeded } from '../bench/report/rows.ts';
import type { BenchRow } from '../bench/report/rows.ts';
import { runBench } from '../bench/report/run.ts';
import type { BenchResult } from '../bench/report/run.ts';
import { build } from '../build/build.ts';
import {
  listImported,
  findImported,
  obtainModel,
  obtainTextModel,
  pushStep,
} from '../dev/prepare.ts';
import { importModel } from '../import/import-model.ts';
import { parseCount } from '../lib/arguments.ts';
import { encodeChat } from '../node-host/chat-prompt.ts';
import { interruptSignal, onInterrupt } from '../lib/interrupt.ts';
import { readTokenizer } from '../node-host/model-files.ts';
import { modelsDir } from '../lib/paths.ts';
import { formatSeconds } from '../lib/progress.ts';
import { runStep } from '../lib/step.ts';
import { DEFAULT_ENCODER_ID, DEFAULT_MODEL_ID } from '../pull/catalogue.ts';
import { pullModel } from '../pull/pull.ts';

/** Small models do this one: they copy nearly all of it. */
const REWRITE_TASK =
  'Rewrite the following text. Correct spelling mistakes and keep everything else exactly as it is.' +
  '\n\nThe harbour town woke slowly. Fishermen mended their nets on the quay, and the baker carried ' +
  "warm bread to the inn at the corner. By eight o'clock the market was full: apples from the hills, " +
  'cheese from the valley, and silver herring still wet from the sea. Children ran between the stalls ' +
  'and counted the boats that came in with the tide. At noon the bells rang, the stalls were closed, ' +
  'and the town was quiet again until the evening.';
const ROW_NAMES = BENCH_ROWS.map(({ name }) => name);
const QUICK_ROUNDS = 3;
/** Others' share of the core from which numbers are worth a warning. */
const QUIET_SHARE = 0.03;

const EXAMPLES = `
Examples:
  thimble bench --quick                          (a minute: the numbers that change first)
  thimble bench                                  (every row for our engine, in workerd and in Node)
  thimble bench --peers                          (also in Chromium, llama.cpp native and wllama)
  thimble bench --peers --rows decode-16,prefill-256 --rounds 9
  thimble bench --rows outside-kernels           (which kernel a token's time goes to)
  thimble bench --peers --write-docs             (table in README.md, chart in docs/bench.svg)
  thimble bench --kernels
  thimble bench --embeddings --peer-graph all-minilm-l6-v2-int8.onnx
  thimble bench --retrieval stories.txt          (10,000 sentences of a text in a collection)
  thimble bench --recognition --clips FOLDER --python PYTHON   (recordings, beside faster-whisper)

Rows:
${BENCH_ROWS.map(({ name, title }) => `  ${name.padEnd(18)}${title}`).join('\n')}

Peers:
${PEER_NAMES.map((name) => `  ${name.padEnd(18)}${findPeer(name).label}`).join('\n')}
`;

interface BenchFlags {
  readonly model: string;
  readonly peers?: boolean;
  readonly kernels?: boolean;
  readonly embeddings?: boolean;
  readonly retrieval?: string;
  readonly peerGraph?: string;
  readonly recognition?: boolean;
  /** The former name of `recognition`. */
  readonly speech?: boolean;
  readonly clips?: string;
  readonly python?: string;
  readonly quick?: boolean;
  readonly rows?: string;
  readonly only?: readonly string[];
  readonly rounds?: number;
  readonly markdown?: string;
  readonly chart?: string;
  readonly writeDocs?: boolean;
  readonly ownTime?: boolean;
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command('bench')
    .summary('measure speed')
    .description(
      'Measures our engine and others on the same file, each in a process of its own pinned to one ' +
        'core, round by round in alternating order; prints medians with their spread and, as the ' +
        'last line, one JSON object.',
    )
    .option('-m, --model <id>', 'a model of the catalogue, or an imported one', DEFAULT_MODEL_ID)
    .option('--peers', 'also Chromium, llama.cpp native and wllama (development packages)')
    .option('--only <names...>', 'only these peers (listed below)')
    .option('--rows <names>', 'only these rows, with commas between (listed below)')
    .option('--quick', `only the rows that change first, ${QUICK_ROUNDS} rounds`)
    .option(
      '--rounds <n>',
      `measured rounds (default: 5, with --quick ${QUICK_ROUNDS})`,
      parseCount(1),
    )
    .option('--kernels', 'every kernel by itself, on both builds, instead of whole models')
    .option('--embeddings', 'an embedding model, in Node and in workerd')
    .option('--peer-graph <file>', 'with --embeddings: an ONNX graph of it for onnxruntime-web')
    .option('--retrieval <file>', 'a collection of the sentences of a text, in workerd')
    .option('--recognition', 'how long recordings take to be written down, instead of text models')
    .option('--speech', 'the same, by its former name')
    .option(
      '--clips <folder>',
      'with --recognition: .wav files, and what is said in a .txt beside each',
    )
    .option(
      '--python <file>',
      'with --recognition: a Python that has faster-whisper (THIMBLE_PYTHON)',
    )
    .option('--markdown <file>', 'also write the tables to this file')
    .option('--chart <file>', 'also write the chart to this SVG file')
    .option('--write-docs', "write README.md's table and docs/bench.svg")
    .option('--own-time', "take other programs' share of the core out of rates and times (Linux)")
    .option('--json', 'print nothing but the JSON object')
    .addHelpText('after', EXAMPLES)
    .action(runBenchCommand);
}

async function runBenchCommand(flags: BenchFlags): Promise<void> {
  if (flags.kernels === true) return await runKernelBench(flags.json === true);
  if (flags.embeddings === true || flags.retrieval !== undefined)
    return await runEncoderBench(flags);
  if (flags.recognition === true || flags.speech === true) return await runRecognitionBench(flags);
  const named = chooseRows(flags);
  const chosen = choosePeers(flags);
  await build();
  const manifest = await obtainTextModel(flags.model);
  const rows = named.filter((row) => fitsModel(row, manifest));
  const peers = chosen.filter((peer) => rows.some((row) => row.peers.includes(peer)));
  if (peers.length === 0)
    throw new EngineError(
      'E_USAGE',
      `bench: no chosen peer answers a chosen row. ${rows.map((row) => `${row.name}: ${row.peers.join(', ')}`).join('; ')}.`,
    );
  const rounds = flags.rounds ?? (flags.quick === true ? QUICK_ROUNDS : 5);
  const persist = await mkdtemp(join(tmpdir(), 'thimble-bench-'));
  const forget = onInterrupt(() => rm(persist, { recursive: true, force: true }));
  try {
    const config = await prepare(manifest, peers, persist);
    const facts = factsOf(manifest, rounds, flags.ownTime === true);
    const result = await benchStep(rows, peers, rounds, config, facts);
    await report(flags, facts, result);
  } finally {
    forget();
    await rm(persist, { recursive: true, force: true });
  }
}

async function runEncoderBench(flags: BenchFlags): Promise<void> {
  const { runEncoderBenches } = await import('../bench/workloads/encoder-benches.ts');
  const model = flags.model === DEFAULT_MODEL_ID ? DEFAULT_ENCODER_ID : flags.model;
  await runEncoderBenches({ ...flags, model });
}

const RECOGNITION_MODEL_ID = 'whisper-tiny.en';

async function runRecognitionBench(flags: BenchFlags): Promise<void> {
  const { benchRecognition, chooseRecognitionPeers, describeRecognition, readClips } =
    await import('../bench/workloads/recognition.ts');
  const modelId = flags.model === DEFAULT_MODEL_ID ? RECOGNITION_MODEL_ID : flags.model;
  if (flags.clips === undefined)
    throw new EngineError(
      'E_USAGE',
      `bench: ${flags.speech === true ? '--speech' : '--recognition'} needs recordings: give --clips FOLDER.`,
    );
  const peers = chooseRecognitionPeers(flags.only);
  const clips = await readClips(flags.clips);
  await build();
  requireKind(await obtainModel(modelId), 'recognition');
  const persist = await mkdtemp(join(tmpdir(), 'thimble-bench-'));
  const forget = onInterrupt(() => rm(persist, { recursive: true, force: true }));
  try {
    const result = await benchRecognition({
      modelId,
      persist,
      clips,
      language: 'en',
      python: flags.python ?? process.env['THIMBLE_PYTHON'] ?? null,
      rounds: flags.rounds ?? (flags.quick === true ? QUICK_ROUNDS : 5),
      peers,
      onNote: (text) => process.stderr.write(`bench     ${text}\n`),
    });
    if (flags.json !== true) process.stdout.write(`${describeRecognition(result)}\n`);
    process.stdout.write(`${JSON.stringify(result)}\n`);
  } finally {
    forget();
    await rm(persist, { recursive: true, force: true });
  }
}

function benchStep(
  rows: readonly BenchRow[],
  peers: readonly PeerName[],
  rounds: number,
  config: PeerConfig,
  facts: BenchFacts,
): Promise<BenchResult> {
  return runStep('bench', async ({ onProgress }) => {
    const startedAt = performance.now();
    const forgets: (() => void)[] = [];
    const value = await runBench({
      rows,
      peers,
      rounds,
      config,
      pinnedCore: facts.pinnedCore,
      signal: interruptSignal,
      ownTime: facts.ownTime,
      onProgress: (done, total, note) => onProgress({ done, total, unit: 'items', note }),
      onStart: (end) => forgets.push(onInterrupt(end)),
    });
    for (const forget of forgets) forget();
    const text = `${rows.length} rows, ${peers.length} peers, ${rounds} rounds, ${formatSeconds((performance.now() - startedAt) / 1000)}`;
    return { text, value };
  });
}

/** Everything the peers need, each part only if one of them does. */
async function prepare(
  manifest: DecoderManifest,
  peers: readonly PeerName[],
  persist: string,
): Promise<PeerConfig> {
  const { id, config } = manifest;
  const has = (...names: PeerName[]) => names.some((name) => peers.includes(name));
  if (has('workerd')) await pushStep(id, persist);
  const gguf = has('llama.cpp', 'llama.cpp-q4_0', 'wllama') ? await ggufOf(manifest) : '';
  return {
    modelId: id,
    losslessId: has('node-lossless') ? await losslessOf(manifest) : '',
    gguf,
    ggufQ40: has('llama.cpp-q4_0') ? await q40Step(gguf) : '',
    persist,
    nVocab: config.nVocab,
    nCtx: servedContext(config),
    rewritePrompt: await taskPrompt(manifest, REWRITE_TASK),
    structuredPrompt: await taskPrompt(manifest, STRUCTURED_TASK),
  };
}

function fitsModel(row: BenchRow, { config, chatTemplate }: DecoderManifest): boolean {
  if (['rewrite', 'structured'].includes(row.question.ask) && chatTemplate === null) return false;
  return contextNeeded(row) <= servedContext(config);
}

/** Token ids of a task; none for a model that takes no tasks. */
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
    `bench: llama.cpp and wllama read GGUF files, and ${id} does not come from one of the catalogue. Leave --peers out, or choose with --only.`,
    { details: { id, source } },
  );
}

function q40Step(gguf: string): Promise<string> {
  return runStep('q4_0', async () => {
    const { q40File } = await import('../bench/workloads/q4_0-file.ts');
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

function factsOf({ id, preset }: DecoderManifest, rounds: number, ownTime: boolean): BenchFacts {
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

async function report(flags: BenchFlags, facts: BenchFacts, result: BenchResult): Promise<void> {
  const { othersShare } = othersOf(result.series);
  if (othersShare !== undefined && othersShare > QUIET_SHARE)
    process.stderr.write(
      `warning: other programs had ${(othersShare * 100).toFixed(0)} % of the measured core; ` +
        (facts.ownTime
          ? 'that is taken out of rates and times, but not what they did to caches and memory\n'
          : 'numbers are low and differ from round to round; --own-time takes it out\n'),
    );
  const markdown = describeResult(result);
  const { chartSvg } = await import('../bench/report/chart.ts');
  const svg = chartSvg(facts, result);
  const written: string[] = [];
  if (flags.markdown !== undefined) {
    await writeFile(flags.markdown, markdown);
    written.push(flags.markdown);
  }
  if (flags.chart !== undefined) {
    await writeFile(flags.chart, svg);
    written.push(flags.chart);
  }
  if (flags.writeDocs === true) {
    const { docsMarkdown, writeDocs } = await import('../bench/report/write-docs.ts');
    written.push(...(await writeDocs(docsMarkdown(facts, result), svg)));
  }
  if (written.length > 0) process.stderr.write(`wrote ${written.join(', ')}\n`);
  if (flags.json !== true) process.stdout.write(`${markdown}\n`);
  process.stdout.write(`${JSON.stringify(resultJson(facts, result))}\n`);
  const failed = Object.keys(result.failures);
  if (failed.length > 0) process.exitCode = 1;
}

async function runKernelBench(asJson: boolean): Promise<void> {
  await build({ only: 'kernels' });
  const rows = await benchKernels((line) => process.stderr.write(`${line}\n`));
  if (!asJson) {
    const lines = rows.map(({ kernel, size, microseconds, gigabytesPerSecond: rate }) => {
      const show = (b: 'relaxed' | 'simd') =>
        `${microseconds[b].toFixed(1)} us${rate === null ? '' : `, ${rate[b].toFixed(1)} GB/s`}`;
      return `| ${kernel} | ${size} | ${show('relaxed')} | ${show('simd')} |\n`;
    });
    process.stdout.write(
      `| kernel | size | relaxed | plain SIMD128 |\n| --- | --- | --- | --- |\n${lines.join('')}`,
    );
  }
  const wasmReadGigabytesPerSecond = (await openReadLoop())();
  process.stdout.write(`${JSON.stringify({ wasmReadGigabytesPerSecond, kernels: rows })}\n`);
}

/** @throws {EngineError} E_USAGE naming a row that is not there. */
function chooseRows(flags: BenchFlags): readonly BenchRow[] {
  if (flags.rows === undefined)
    return flags.quick === true ? BENCH_ROWS.filter((row) => row.isQuick === true) : BENCH_ROWS;
  const wanted = flags.rows.split(',').map((name) => name.trim());
  const unknown = wanted.find((name) => !ROW_NAMES.includes(name));
  if (unknown !== undefined)
    throw new EngineError(
      'E_USAGE',
      `bench: --rows ${unknown || "''"}; expected some of ${ROW_NAMES.join(', ')}`,
      { details: { unknown, known: ROW_NAMES } },
    );
  return BENCH_ROWS.filter(({ name }) => wanted.includes(name));
}

/** @throws {EngineError} E_USAGE naming a peer that is not there. */
function choosePeers(flags: BenchFlags): readonly PeerName[] {
  const wanted: readonly string[] = flags.only ?? [];
  const unknown = wanted.find((name) => !PEER_NAMES.some((known) => known === name));
  if (unknown !== undefined)
    throw new EngineError(
      'E_USAGE',
      `bench: --only ${unknown}; expected some of ${PEER_NAMES.join(', ')}`,
      { details: { unknown, known: PEER_NAMES } },
    );
  if (flags.only !== undefined) return PEER_NAMES.filter((name) => wanted.includes(name));
  return PEER_NAMES.filter((name) => flags.peers === true || !findPeer(name).isOther);
}
