/** Asks /healthz every 20 ms from a thread of its own, so that whoever builds attacks delays nothing. */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { HealthReport } from './health-thread.ts';

export class HealthWatch {
  readonly #worker: Worker;

  constructor(url: string) {
    this.#worker = new Worker(join(import.meta.dirname, 'health-thread.ts'), { workerData: url });
  }

  /** What was seen since the last report; one that is not answered yet counts as far as it has waited. */
  async report(): Promise<HealthReport> {
    return await new Promise((resolve, reject) => {
      this.#worker.removeAllListeners('error');
      this.#worker.once('message', resolve);
      this.#worker.once('error', reject);
      this.#worker.postMessage('report');
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
