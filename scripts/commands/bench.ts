/** `thimble bench`: speed of an imported model, beside peers on the same file, in the same run. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import { benchKernels } from '../bench/kernels.ts';
import { measureReadLoop } from '../bench/read-loop.ts';
import { PEERS } from '../bench/peers.ts';
import { pinnedCore, runBench } from '../bench/run.ts';
import type { PeerResult } from '../bench/run.ts';
import { build } from '../build/build.ts';
import { obtainModel, pushStep } from '../dev/prepare.ts';
import { parseCount } from '../lib/arguments.ts';
import { DEFAULT_MODEL_ID } from '../pull/catalogue.ts';
import { pullModel } from '../pull/pull.ts';

const EXAMPLES = `
Examples:
  thimble bench                                  (our engine in workerd and in Node)
  thimble bench --peers --json                   (also llama.cpp native and wllama)
  thimble bench --only workerd llama.cpp --rounds 9
  thimble bench --kernels
`;

interface BenchFlags {
  readonly model: string;
  readonly peers?: boolean;
  readonly kernels?: boolean;
  readonly only?: readonly string[];
  readonly rounds: number;
  readonly prefill: number;
  readonly decode: number;
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command('bench')
    .summary('measure speed')
    .description(
      'Measures prefill and decode, each engine in a process of its own pinned to one core, in ' +
        'alternating order; prints medians and, as the last line, one JSON object.',
    )
    .option('-m, --model <id>', 'a model of the catalogue, or an imported one', DEFAULT_MODEL_ID)
    .option('--peers', 'also llama.cpp native and wllama (development packages)')
    .option('--only <names...>', `only these: ${PEERS.map(({ name }) => name).join(', ')}`)
    .option('--kernels', 'every kernel by itself, on both builds, instead of whole models')
    .option('--rounds <n>', 'measured rounds', parseCount(1), 5)
    .option('--prefill <tokens>', 'length of the prompt', parseCount(2), 256)
    .option('--decode <tokens>', 'tokens to generate', parseCount(8), 128)
    .option('--json', 'print nothing but the JSON object')
    .addHelpText('after', EXAMPLES)
    .action(runBenchCommand);
}

async function runBenchCommand(flags: BenchFlags): Promise<void> {
  if (flags.kernels === true) return await runKernelBench(flags.json === true);
  const peers = choosePeers(flags);
  await build();
  const manifest = await obtainModel(flags.model);
  const persist = await mkdtemp(join(tmpdir(), 'thimble-bench-'));
  const say = (line: string) => process.stderr.write(`${line}\n`);
  try {
    await pushStep(manifest.id, persist);
    const needsFile = peers.some((name) => name === 'llama.cpp' || name === 'wllama');
    const gguf = needsFile ? (await pullModel(DEFAULT_MODEL_ID)).path : '';
    const results = await runBench({
      peers,
      rounds: flags.rounds,
      prefillTokens: flags.prefill,
      decodeTokens: flags.decode,
      config: { modelId: manifest.id, gguf, persist },
      onProgress: say,
    });
    const report = {
      model: manifest.id,
      preset: manifest.preset,
      date: new Date().toISOString().slice(0, 10),
      rounds: flags.rounds,
      prefillTokens: flags.prefill,
      decodeTokens: flags.decode,
      pinnedCore: pinnedCore(),
      wasmReadGigabytesPerSecond: await measureReadLoop(),
      results,
    };
    if (flags.json !== true) process.stdout.write(describe(results));
    process.stdout.write(`${JSON.stringify(report)}\n`);
  } finally {
    await rm(persist, { recursive: true, force: true });
  }
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
  const wasmReadGigabytesPerSecond = await measureReadLoop();
  process.stdout.write(`${JSON.stringify({ wasmReadGigabytesPerSecond, kernels: rows })}\n`);
}

function choosePeers(flags: BenchFlags): string[] {
  const names = PEERS.map(({ name }) => name);
  for (const name of flags.only ?? []) {
    if (!names.includes(name)) {
      throw new EngineError(
        'E_USAGE',
        `bench: --only ${name}; expected some of ${names.join(', ')}`,
      );
    }
  }
  if (flags.only !== undefined) return names.filter((name) => flags.only!.includes(name));
  return flags.peers === true ? names : ['workerd', 'node'];
}

function describe(results: Record<string, PeerResult>): string {
  const lines = PEERS.filter(({ name }) => name in results).map(({ name, label }) => {
    const {
      prefillTokensPerSecond: prefill,
      decodeTokensPerSecond: decode,
      failed,
    } = results[name]!;
    if (failed !== undefined) return `| ${label} | failed: ${failed} | |`;
    const show = (s: typeof prefill) =>
      s === undefined ? '' : `${s.median.toFixed(1)} (${s.min.toFixed(1)}-${s.max.toFixed(1)})`;
    return `| ${label} | ${show(prefill)} | ${show(decode)} |`;
  });
  return `| engine | prefill tok/s | decode tok/s |\n| --- | --- | --- |\n${lines.join('\n')}\n`;
}
