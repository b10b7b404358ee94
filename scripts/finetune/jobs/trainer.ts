/**
 * Trains the jobs of a local server (worker/apis/fine-tuning), one after the other. The gateway asks it through a
 * service binding that leads here; what it knows is on disk, so that it goes on after a restart or a kill.
 */
import { timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import process from 'node:process';
import { EngineError, errorToRecord } from '../../../engine/base/errors.ts';
import { joinBytes } from '../../../engine/base/joined.ts';
import { requireKind } from '../../../engine/manifest/manifest.ts';
import { checkBase } from '../../../engine/train/adapter/base.ts';
import {
  checkpointName,
  isFinal,
  SPEC_HEADER,
  specSchema,
  TOKEN_HEADER,
} from '../../../worker/apis/fine-tuning/trainer-protocol.ts';
import type { JobProgress, JobSpec } from '../../../worker/apis/fine-tuning/trainer-protocol.ts';
import { randomDigits } from '../../../worker/platform/storage/object-id.ts';
import { openAdapter } from '../../import/open/open-adapter.ts';
import { withLock } from '../../lib/lock.ts';
import { modelsDir, stateDir } from '../../lib/paths.ts';
import { addAdapter, readBase, removeAdapter } from '../../push/adapters.ts';
import type { Bucket } from '../../push/bucket.ts';
import { readImported } from '../../push/push.ts';
import { parseRows } from '../rows.ts';
import type { RowForm } from '../rows.ts';
import { epochFolder } from '../run-finetune.ts';
import { JobFiles } from './job-files.ts';
import type { Job, JobRows } from './job-files.ts';
import { begun, cancelled, failed, queued, stepped, succeeded } from './progress.ts';
import { runTraining } from './training-process.ts';
import type { TrainingEnd } from './training-process.ts';

/** Jobs of all callers that wait or run. */
const MAX_WAITING = 32;
/** Rows are held in memory while they are checked; files of the gateway are no larger. */
const MAX_ROWS_BYTES = 64 * 1024 * 1024;

export interface TrainerOptions {
  /** Folder of the server's state; the user's by default. */
  readonly persist?: string;
  /** Variables that say where models are; those of this process by default. */
  readonly env?: NodeJS.ProcessEnv;
  /** Runs work with the bucket that the server serves from. */
  readonly withBucket: (work: (bucket: Bucket) => Promise<void>) => Promise<void>;
  /** Told what went wrong with a job, and which one is made. */
  readonly onNote?: (line: string) => void;
}

const now = (): number => Math.floor(Date.now() / 1000);

interface Running {
  readonly id: string;
  /** Asks the process to save and end. */
  readonly stop: AbortController;
  isCancelled: boolean;
}

export class Trainer {
  /** Known to the gateway alone. */
  readonly token: string = randomDigits() + randomDigits();
  readonly #options: TrainerOptions;
  readonly #env: NodeJS.ProcessEnv;
  readonly #files: JobFiles;
  readonly #closing = Promise.withResolvers<void>();
  #isClosing = false;
  #running: Running | null = null;
  #loop: Promise<void> | null = null;
  /** Why it trains nothing: another server of the same state does. */
  #refusal: EngineError | null = null;

  private constructor(options: TrainerOptions) {
    this.#options = options;
    this.#env = options.env ?? process.env;
    this.#files = new JobFiles(join(options.persist ?? stateDir(this.#env), 'finetune', 'jobs'));
  }

  /** Goes on with what was left; other servers of the same state do not train meanwhile. */
  static async start(options: TrainerOptions): Promise<Trainer> {
    const trainer = new Trainer(options);
    const folder = options.persist ?? stateDir(trainer.#env);
    const taken = Promise.withResolvers<void>();
    void withLock(join(folder, 'finetune', 'lock'), () => {
      taken.resolve();
      return trainer.#closing.promise;
    }).catch((error: unknown) => {
      trainer.#refusal = busy(error);
      taken.resolve();
    });
    await taken.promise;
    trainer.#wake();
    return trainer;
  }

  /** Lets the training save; it goes on at the next start. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#running?.stop.abort();
    await this.#loop;
    this.#closing.resolve();
  }

  /** Answers the gateway: never throws. */
  async handle(request: Request): Promise<Response> {
    try {
      if (!isSame(request.headers.get(TOKEN_HEADER) ?? '', this.token))
        throw new EngineError('E_ACCESS_DENIED', 'trainer: only its own server may ask it.');
      if (this.#refusal !== null) throw this.#refusal;
      const { pathname } = new URL(request.url);
      const [, id, what = ''] = /^\/jobs(?:\/([^/]+)(?:\/(\w+))?)?$/.exec(pathname) ?? [];
      const route = ROUTES[`${request.method} ${id === undefined ? '' : `ID/${what}`}`];
      if (route === undefined) throw notFound();
      return await route(this, id ?? '', request);
    } catch (error) {
      const record = errorToRecord(error);
      const status = error instanceof EngineError ? error.row.httpStatus : 500;
      return Response.json(record, { status });
    }
  }

  /** @throws {EngineError} for a spec, a model or rows that cannot be trained */
  async create(request: Request): Promise<JobProgress> {
    const spec = readSpec(request);
    await this.#checkModel(spec.model);
    const rows = await readRows(request, spec);
    checkRows(rows.rows, spec, 'training_file');
    if (rows.validation !== null) checkValidation(rows.rows, rows.validation, spec);
    if ((await this.#files.waiting()).length >= MAX_WAITING)
      throw new EngineError(
        'E_BUSY',
        `fine_tuning: ${MAX_WAITING} jobs wait already. Wait for one of them, or cancel one.`,
      );
    const job = { spec, progress: queued(spec, now()) };
    await this.#files.create(job, rows);
    this.#wake();
    return job.progress;
  }

  /** @throws {EngineError} E_NOT_FOUND */
  async read(id: string): Promise<JobProgress> {
    return (await this.#job(id)).progress;
  }

  /** @throws {EngineError} E_NOT_FOUND */
  async metrics(id: string): Promise<string> {
    await this.#job(id);
    return await this.#files.metrics(id);
  }

  /** @throws {EngineError} E_NOT_FOUND */
  async cancel(id: string): Promise<JobProgress> {
    const { spec, progress } = await this.#job(id);
    if (isFinal(progress.status)) return progress;
    if (this.#running?.id === id) {
      this.#running.isCancelled = true;
      this.#running.stop.abort();
    }
    const after = cancelled(progress, spec, now());
    await this.#files.write({ spec, progress: after });
    if (this.#running?.id !== id) await this.#clear(spec.id, after);
    return after;
  }

  /** Deletes a job with its adapter. @throws {EngineError} E_NOT_FOUND */
  async erase(id: string): Promise<void> {
    const { spec } = await this.#job(id);
    await this.cancel(id);
    if (this.#running?.id === id) await this.#loop;
    const { progress } = await this.#job(id);
    for (const name of this.#learned(spec, progress).keys()) await this.#removeAdapter(spec, name);
    await this.#files.remove(id);
    this.#wake();
  }

  async #job(id: string): Promise<Job> {
    const job = await this.#files.read(id);
    if (job === null) throw notFound();
    return job;
  }

  async #checkModel(model: string): Promise<void> {
    const { manifest } = await readImported(join(modelsDir(this.#env), model), model);
    checkBase(requireKind(manifest, 'decoder'));
  }

  #wake(): void {
    if (this.#refusal !== null || this.#loop !== null) return;
    this.#loop = this.#runAll().finally(() => {
      this.#loop = null;
    });
  }

  async #runAll(): Promise<void> {
    while (!this.#isClosing) {
      const [next] = await this.#files.waiting();
      if (next === undefined) return;
      await this.#runOne(next);
    }
  }

  async #runOne({ spec, progress: before }: Job): Promise<void> {
    const { id } = spec;
    const running: Running = { id, stop: new AbortController(), isCancelled: false };
    this.#running = running;
    let progress = begun(before, spec, now());
    // One write after the other, so that the last is of the last step.
    let writing = this.#files.write({ spec, progress });
    const note = (changed: JobProgress): void => {
      progress = changed;
      if (running.isCancelled) return;
      writing = writing.then(() =>
        running.isCancelled ? undefined : this.#files.write({ spec, progress: changed }),
      );
    };
    try {
      const files = {
        ...{ rows: this.#files.rowsOf(id), validation: this.#files.validationOf(id) },
        ...{ out: this.#files.outOf(id) },
        pid: this.#files.processOf(id),
      };
      const end = await runTraining(spec, {
        ...{ files, env: this.#env, signal: running.stop.signal },
        onStep: (step) => note(stepped(progress, spec, now(), step)),
      });
      await writing;
      if (!running.isCancelled) note(await this.#ended(end, spec, progress));
    } catch (error) {
      const { code, message, param } = errorToRecord(error);
      note(failed(progress, spec, now(), { code, message, param }));
    }
    await writing;
    this.#running = null;
    const last = (await this.#files.read(id))?.progress ?? progress;
    await this.#clear(id, last);
    if (last.error !== null) this.#options.onNote?.(`fine-tuning ${id}: ${last.error.message}`);
  }

  async #ended(end: TrainingEnd, spec: JobSpec, progress: JobProgress): Promise<JobProgress> {
    if (end.kind === 'stopped') return progress;
    if (end.kind === 'failed') return failed(progress, spec, now(), end.failure);
    for (const [name, folder] of this.#learned(spec, progress))
      await this.#addAdapter(spec, name, folder);
    return succeeded(progress, spec, now(), end.tokens);
  }

  /** Names of the adapters that a job that has ended has made, with their folders. */
  #learned(spec: JobSpec, { checkpoints, steps }: JobProgress): ReadonlyMap<string, string> {
    const out = this.#files.outOf(spec.id);
    return new Map([
      ...checkpoints.map(
        (one) => [checkpointName(spec, one, steps), epochFolder(out, one.epoch)] as const,
      ),
      [spec.adapter, out] as const,
    ]);
  }

  async #addAdapter({ id, model }: JobSpec, name: string, folder: string): Promise<void> {
    await this.#options.withBucket(async (bucket) => {
      const base = await readBase(bucket, model);
      const adapter = await openAdapter(folder, base);
      const facts = { licence: '', source: `fine-tuning job ${id}` };
      await addAdapter(bucket, { base: model, name }, adapter, base, facts);
    });
  }

  async #removeAdapter({ model: base }: JobSpec, name: string): Promise<void> {
    await this.#options.withBucket(async (bucket) => {
      await removeAdapter(bucket, { base, name }).catch((error: unknown) => {
        if (!(error instanceof EngineError && error.code === 'E_MODEL_NOT_FOUND')) throw error;
      });
    });
  }

  /** Of a job that is over, only what is told of it stays. */
  async #clear(id: string, { status }: JobProgress): Promise<void> {
    if (!isFinal(status)) return;
    await this.#files.dropRows(id);
    if (status !== 'succeeded') await this.#files.dropLearned(id);
  }
}

type Route = (trainer: Trainer, id: string, request: Request) => Promise<Response>;

const ROUTES: Readonly<Record<string, Route>> = {
  'POST ': async (trainer, _id, request) => Response.json(await trainer.create(request)),
  'GET ID/': async (trainer, id) => Response.json(await trainer.read(id)),
  'GET ID/metrics': async (trainer, id) => new Response(await trainer.metrics(id)),
  'POST ID/cancel': async (trainer, id) => Response.json(await trainer.cancel(id)),
  'DELETE ID/': async (trainer, id) => {
    await trainer.erase(id);
    return Response.json({ erased: id });
  },
};

function isSame(given: string, wanted: string): boolean {
  const [a, b] = [new TextEncoder().encode(given), new TextEncoder().encode(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function readSpec(request: Request): JobSpec {
  const text = decodeURIComponent(request.headers.get(SPEC_HEADER) ?? '');
  return specSchema.parse(JSON.parse(text));
}

type FileField = 'training_file' | 'validation_file';

/** @throws {EngineError} E_REQUEST_INVALID for what is no UTF-8, and for more than fits */
async function readRows(request: Request, { validationFrom }: JobSpec): Promise<JobRows> {
  const chunks: Uint8Array[] = [];
  let nByte = 0;
  const body: AsyncIterable<Uint8Array> | null = request.body;
  for await (const bytes of body ?? []) {
    nByte += bytes.length;
    if (nByte > MAX_ROWS_BYTES)
      throw wrongFile(
        'training_file',
        `more than ${MAX_ROWS_BYTES} bytes, with what is measured on. Take a part of it.`,
      );
    chunks.push(bytes);
  }
  const all = joinBytes(chunks);
  const rows = decoded(all.subarray(0, validationFrom ?? all.length), 'training_file');
  if (validationFrom === null) return { rows, validation: null };
  return { rows, validation: decoded(all.subarray(validationFrom), 'validation_file') };
}

/** @throws {EngineError} E_REQUEST_INVALID for what is no UTF-8 */
function decoded(bytes: Uint8Array, field: FileField): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    throw wrongFile(field, 'is not UTF-8. Save it as UTF-8.');
  }
}

/** The form of rows as `thimble finetune` reads them. @throws {EngineError} E_REQUEST_INVALID naming lines and fields */
function formOf(text: string, field: FileField): RowForm {
  try {
    return parseRows(text, field)[0]!.row.form;
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new EngineError('E_REQUEST_INVALID', error.message, { param: field });
  }
}

/** @throws {EngineError} E_REQUEST_INVALID for bad rows and for those that another method learns */
function checkRows(text: string, { method }: JobSpec, field: FileField): void {
  const form = formOf(text, field);
  const wanted = form === 'preference' ? 'dpo' : 'supervised';
  if (wanted !== method)
    throw wrongFile(
      field,
      `has rows of the form "${form}", which the method "${wanted}" learns; the job asks for "${method}". Send "method": {"type": "${wanted}"}.`,
    );
}

/** @throws {EngineError} E_REQUEST_INVALID for bad rows and for those of another form than is learned */
function checkValidation(rows: string, validation: string, spec: JobSpec): void {
  checkRows(validation, spec, 'validation_file');
  const [learned, measured] = [
    formOf(rows, 'training_file'),
    formOf(validation, 'validation_file'),
  ];
  if (learned !== measured)
    throw wrongFile(
      'validation_file',
      `has rows of the form "${measured}"; expected "${learned}", as the training file has. Give rows of that form.`,
    );
}

function wrongFile(field: FileField, what: string): EngineError {
  return new EngineError('E_REQUEST_INVALID', `${field}: ${what}`, { param: field });
}

function notFound(): EngineError {
  return new EngineError('E_NOT_FOUND', 'trainer: no such job.');
}

function busy(cause: unknown): EngineError {
  return new EngineError(
    'E_BUSY',
    'fine_tuning: another server of this machine trains what this one keeps. Stop it, and start this one again.',
    { cause },
  );
}
