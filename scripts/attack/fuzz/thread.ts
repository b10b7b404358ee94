/** The thread of fuzz/main.ts: runs one job, and says before slow spans of inputs where it is. */
import { parentPort, workerData } from 'node:worker_threads';
import { runFuzz } from './run-fuzz.ts';
import type { FuzzReport } from './run-fuzz.ts';
import { loadTargets } from './targets/index.ts';

export interface FuzzJob {
  readonly target: string;
  readonly seed: number;
  /** Numbers of its inputs. */
  readonly from: number;
  readonly to: number;
}

export type FuzzMessage =
  | { readonly type: 'input'; readonly index: number }
  | { readonly type: 'done'; readonly report: FuzzReport };

const job = workerData as FuzzJob;
const target = (await loadTargets()).find(({ name }) => name === job.target)!;
const send = (message: FuzzMessage): void => parentPort!.postMessage(message);
// What libraries print of broken input says nothing here.
console.warn = console.error = () => undefined;
send({
  type: 'done',
  report: await runFuzz(target, job, (index) => send({ type: 'input', index })),
});
