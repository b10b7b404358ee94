/** Jobs on disk: a folder each, with its spec, its progress, its rows, and what `thimble finetune` writes. */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EngineError } from '../../../engine/base/errors.ts';
import {
  isFinal,
  isJobId,
  progressSchema,
  specSchema,
} from '../../../worker/apis/fine-tuning/trainer-protocol.ts';
import type { JobProgress, JobSpec } from '../../../worker/apis/fine-tuning/trainer-protocol.ts';
import { asDiskError } from '../../lib/disk.ts';
import { writeWhole } from '../../train/checkpoint.ts';
import type { FinetuneStep } from '../result.ts';

export interface Job {
  readonly spec: JobSpec;
  readonly progress: JobProgress;
}

/** JSONL. */
export interface JobRows {
  readonly rows: string;
  /** To measure on; null without any. */
  readonly validation: string | null;
}

const jobSchema = z.strictObject({ spec: specSchema, progress: progressSchema });

const STATE = 'job.json';
const ROWS = 'rows.jsonl';
const VALIDATION = 'validation.jsonl';
/** Where the training goes: adapter, checkpoint, history. */
const OUT = 'adapter';
const HISTORY = 'history.json';

export class JobFiles {
  readonly #root: string;

  /** @param root a folder of one server's */
  constructor(root: string) {
    this.#root = root;
  }

  rowsOf = (id: string): string => join(this.#folder(id), ROWS);
  validationOf = (id: string): string => join(this.#folder(id), VALIDATION);
  outOf = (id: string): string => join(this.#folder(id), OUT);
  /** Holds the process id of a job's training, which may outlive the server by its last step. */
  processOf = (id: string): string => join(this.#folder(id), 'pid');

  /** @throws {EngineError} E_DISK */
  async create(job: Job, { rows, validation }: JobRows): Promise<void> {
    const { id } = job.spec;
    try {
      await mkdir(this.#folder(id), { recursive: true, mode: 0o700 });
      await writeFile(this.rowsOf(id), rows, { mode: 0o600 });
      if (validation !== null) await writeFile(this.validationOf(id), validation, { mode: 0o600 });
    } catch (error) {
      throw asDiskError(error, this.#folder(id), 'finetune');
    }
    // What comes last makes it a job.
    await this.write(job);
  }

  async write(job: Job): Promise<void> {
    await writeWhole(join(this.#folder(job.spec.id), STATE), JSON.stringify(job));
  }

  /** Null for a folder without a job that can be read. */
  async read(id: string): Promise<Job | null> {
    if (!isJobId(id)) return null;
    const text = await readFile(join(this.#folder(id), STATE), 'utf8').catch(() => null);
    if (text === null) return null;
    return jobSchema.safeParse(JSON.parse(text)).data ?? null;
  }

  /** Jobs that are not over, the oldest first. */
  async waiting(): Promise<Job[]> {
    const names = await readdir(this.#root).catch(() => []);
    const jobs = await Promise.all(names.map((name) => this.read(name)));
    return jobs
      .filter((job) => job !== null)
      .filter(({ progress }) => !isFinal(progress.status))
      .sort((a, b) => createdAt(a) - createdAt(b) || (a.spec.id < b.spec.id ? 1 : -1));
  }

  /** Losses of all steps as OpenAI's result file has them. */
  async metrics(id: string): Promise<string> {
    const text = await readFile(join(this.outOf(id), HISTORY), 'utf8').catch(() => '{"steps":[]}');
    const { steps } = JSON.parse(text) as { readonly steps: readonly FinetuneStep[] };
    const lines = steps.map(({ step, loss, heldOutLoss, rate }) =>
      [step, loss, heldOutLoss ?? '', rate].join(','),
    );
    return `${['step,train_loss,valid_loss,learning_rate', ...lines].join('\n')}\n`;
  }

  /** Deletes what was learned from and measured on, once a job is over. */
  async dropRows(id: string): Promise<void> {
    for (const file of [this.rowsOf(id), this.validationOf(id)]) await rm(file, { force: true });
  }

  /** Deletes what a job that failed or was cancelled has learned. */
  async dropLearned(id: string): Promise<void> {
    await rm(this.outOf(id), { recursive: true, force: true });
  }

  async remove(id: string): Promise<void> {
    await rm(this.#folder(id), { recursive: true, force: true });
  }

  /** @throws {EngineError} E_REQUEST_INVALID for what is no id: it is a part of a path */
  #folder(id: string): string {
    if (isJobId(id)) return join(this.#root, id);
    throw new EngineError('E_REQUEST_INVALID', 'id: is not the id of a job.', { param: 'id' });
  }
}

/** In seconds since 1970. */
const createdAt = ({ progress }: Job): number => progress.events[0]?.created_at ?? 0;
