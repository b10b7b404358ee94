/** One training in a process of its own, at low priority: `thimble finetune`, whose steps are read line by line. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { constants, setPriority } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { MAX_CHECKPOINTS } from '../../../worker/apis/fine-tuning/trainer-protocol.ts';
import type { JobSpec } from '../../../worker/apis/fine-tuning/trainer-protocol.ts';
import { isAlive } from '../../lib/lock.ts';
import { repoRoot } from '../../lib/paths.ts';
import { DEFAULT_RATES } from '../config.ts';
import type { FinetuneStep } from '../result.ts';

const PROGRAM = join(repoRoot, 'scripts/bin/thimble.mjs');
/** How long an earlier process of the same job may take for its last step and its checkpoint. */
const EARLIER_MS = 60_000;
const POLL_MS = 100;
/** Of what a process that failed has written last. */
const KEPT_CHARS = 4000;
const MAX_MESSAGE_CHARS = 2000;

export interface TrainingFiles {
  readonly rows: string;
  /** Rows to measure on, where the spec has any. */
  readonly validation: string;
  readonly out: string;
  /** Where the process's id is noted. */
  readonly pid: string;
}

export interface TrainingOptions {
  readonly files: TrainingFiles;
  /** Variables of the process, which say where models are. */
  readonly env: NodeJS.ProcessEnv;
  readonly onStep: (step: FinetuneStep) => void;
  readonly signal: AbortSignal;
}

export interface TrainingFailure {
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
}

/** How a training ended; `stopped` without its end or a failure. */
export type TrainingEnd =
  | { readonly kind: 'done'; readonly tokens: number }
  | { readonly kind: 'failed'; readonly failure: TrainingFailure }
  | { readonly kind: 'stopped' };

const stepSchema = z.object({
  ...{ step: z.number(), nStep: z.number(), loss: z.number(), rate: z.number() },
  epoch: z.number().int().nullable(),
  ...{ heldOutLoss: z.number().nullable(), norm: z.number(), tokensPerSecond: z.number() },
  ...{ gflops: z.number(), secondsLeft: z.number() },
});
/** Lines of `thimble finetune --json --json-lines`; the first has errors be objects, too. */
const lineSchema = z.union([
  z.object({ step: stepSchema }),
  z.object({ result: z.object({ isWhole: z.boolean(), tokens: z.number() }) }),
  z.object({
    error: z.object({ code: z.string(), message: z.string(), param: z.string().nullish() }),
  }),
]);

/** Trains until the end, or until `signal` asks the process to save and to end. */
export async function runTraining(spec: JobSpec, options: TrainingOptions): Promise<TrainingEnd> {
  const { files, env, signal, onStep } = options;
  await waitForEarlier(files.pid, signal);
  if (signal.aborted) return { kind: 'stopped' };
  const child = spawn(process.execPath, [PROGRAM, ...argumentsOf(spec, files)], {
    env,
    // The channel closes when this process ends, however it ends: the training then saves and ends.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const closed = whenClosed(child);
  if (child.pid !== undefined) {
    lower(child.pid);
    await writeFile(files.pid, String(child.pid));
  }
  const stop = () => void child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  let last = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    last = (last + text).slice(-KEPT_CHARS);
  });
  const lines = createInterface({ input: child.stdout! });
  let end: TrainingEnd | null = null;
  lines.on('line', (text) => {
    const line = readLine(text);
    if (line === null) return;
    if ('step' in line) onStep(line.step);
    else if ('error' in line)
      end = { kind: 'failed', failure: { ...line.error, param: line.error.param ?? null } };
    else if (line.result.isWhole) end = { kind: 'done', tokens: line.result.tokens };
  });
  const how = await closed;
  signal.removeEventListener('abort', stop);
  return (
    (end as TrainingEnd | null) ??
    (signal.aborted ? { kind: 'stopped' } : { kind: 'failed', failure: diedOf(how, last) })
  );
}

function argumentsOf(spec: JobSpec, { rows, validation, out }: TrainingFiles): string[] {
  const { model, method, epochs, batch, beta, seed, rateMultiplier } = spec;
  const usual = DEFAULT_RATES[method === 'dpo' ? 'preference' : 'messages'];
  return [
    ...['finetune', '-m', model, '--data', rows, '--out', out, '--json', '--json-lines'],
    ...['--epochs', String(epochs), '--batch', String(batch), '--seed', String(seed)],
    ...['--beta', String(beta), '--rate', String(usual * rateMultiplier)],
    ...['--keep-epochs', String(MAX_CHECKPOINTS)],
    ...(spec.validationFrom === null ? [] : ['--validation', validation]),
  ];
}

function readLine(text: string): z.output<typeof lineSchema> | null {
  try {
    return lineSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

/** Serving goes first. */
function lower(pid: number): void {
  try {
    setPriority(pid, constants.priority.PRIORITY_LOW);
  } catch {
    // It has ended already, which is told elsewhere.
  }
}

function whenClosed(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}

/** A process of the same job that a killed server has left: two of them would write one checkpoint. */
async function waitForEarlier(path: string, signal: AbortSignal): Promise<void> {
  const pid = Number(await readFile(path, 'utf8').catch(() => '0'));
  if (!Number.isSafeInteger(pid) || pid <= 0) return;
  for (let waited = 0; waited < EARLIER_MS && isAlive(pid) && !signal.aborted; waited += POLL_MS)
    await sleep(POLL_MS);
}

function diedOf(how: string, last: string): TrainingFailure {
  const text = last.trim().slice(-MAX_MESSAGE_CHARS);
  return {
    code: 'E_INTERNAL',
    message: `the training ended by ${how}${text === '' ? '' : `: ${text}`}. Create the job again; with less memory, take a smaller batch.`,
    param: null,
  };
}
