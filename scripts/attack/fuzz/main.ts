/**
 * `npm run attack -- fuzz`: seeded hostile inputs for parsers, decoders, languages and bodies, in a thread that is
 * watched: an input that never ends is a finding, too. Every input follows from `--seed` and its number.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { Worker } from 'node:worker_threads';
import { Command } from 'commander';
import { build } from '../../build/build.ts';
import { parseCount } from '../../lib/arguments.ts';
import type { FuzzReport } from './run-fuzz.ts';
import { loadTargets } from './targets/index.ts';
import type { FuzzJob, FuzzMessage } from './thread.ts';

/** An input that takes this long has no end. */
const HANG_MS = 20_000;
/** Inputs of a job: what is lost when one of them hangs. */
const JOB_INPUTS = 20_000;

interface FuzzFlags {
  readonly inputs: number;
  readonly seed: number;
  readonly only?: string;
}

export const fuzzCommand = new Command('fuzz')
  .description('Give parsers, decoders and checks seeded hostile inputs')
  .option('--inputs <n>', 'inputs altogether, shared among the targets', parseCount(1), 100_000)
  .option('--seed <n>', 'another seed gives other inputs', parseCount(0), 1)
  .option('--only <names>', 'targets, separated by commas')
  .action(fuzz);

async function fuzz({ inputs, seed, only }: FuzzFlags): Promise<void> {
  await build();
  const names = only?.split(',');
  const targets = (await loadTargets()).filter(({ name }) => names?.includes(name) ?? true);
  const perTarget = Math.ceil(inputs / targets.length);
  const jobs = targets.flatMap(({ name }) =>
    Array.from({ length: Math.ceil(perTarget / JOB_INPUTS) }, (_, i): FuzzJob => {
      const from = i * JOB_INPUTS;
      return { target: name, seed, from, to: Math.min(from + JOB_INPUTS, perTarget) };
    }),
  );
  const queue = jobs.values();
  const reports: FuzzReport[] = [];
  const work = async (): Promise<void> => {
    for (const job of queue) reports.push(await runJob(job));
  };
  await Promise.all(Array.from({ length: Math.max(1, availableParallelism() - 1) }, work));
  const media = new Set(targets.filter(({ isMedia }) => isMedia === true).map(({ name }) => name));
  const sum = (chosen: readonly FuzzReport[]) => chosen.reduce((n, report) => n + report.inputs, 0);
  for (const { name } of targets) printTarget(reports.filter(({ target }) => target === name));
  const findings = reports.flatMap((report) => report.findings);
  const total = {
    seed,
    inputs: sum(reports),
    mediaInputs: sum(reports.filter(({ target }) => media.has(target))),
    worstMs: Math.max(...reports.map((report) => report.worstMs)),
    findings,
  };
  process.stdout.write(`${JSON.stringify(total)}\n`);
  if (findings.length > 0) process.exitCode = 1;
}

function printTarget(reports: readonly FuzzReport[]): void {
  const [first] = reports;
  if (first === undefined) return;
  const sum = (of: 'inputs' | 'accepted' | 'refused') =>
    reports.reduce((n, report) => n + report[of], 0);
  const worstMs = Math.max(...reports.map((report) => report.worstMs));
  const nFinding = reports.reduce((n, { findings }) => n + findings.length, 0);
  process.stdout.write(
    `${first.target.padEnd(28)} ${sum('inputs')} inputs, ${sum('accepted')} accepted, ` +
      `${sum('refused')} refused, worst ${worstMs} ms, ${nFinding} findings\n`,
  );
  for (const finding of reports.flatMap(({ findings }) => findings))
    process.stdout.write(`  #${finding.index}: ${finding.what}\n`);
}

/** Runs a job in a thread of its own; a thread that hangs is ended, and what it hung on is a finding. */
async function runJob(job: FuzzJob): Promise<FuzzReport> {
  const worker = new Worker(join(import.meta.dirname, 'thread.ts'), { workerData: job });
  let last = { index: job.from, at: performance.now() };
  try {
    return await new Promise((resolve) => {
      const fail = (what: string): void => {
        const finding = { target: job.target, seed: job.seed, index: last.index, what };
        const inputs = last.index + 1 - job.from;
        resolve({
          target: job.target,
          inputs,
          accepted: 0,
          refused: 0,
          worstMs: 0,
          findings: [finding],
        });
      };
      const timer = setInterval(() => {
        if (performance.now() - last.at > HANG_MS) fail(`no end within ${HANG_MS} ms`);
      }, 500);
      worker.once('error', (error: unknown) => fail(`the thread ended: ${String(error)}`));
      worker.once('exit', () => clearInterval(timer));
      worker.on('message', (message: FuzzMessage) => {
        if (message.type === 'input') last = { index: message.index, at: performance.now() };
        else resolve(message.report);
      });
    });
  } finally {
    await worker.terminate();
  }
}
