/**
 * A batch: one object per id. It works in slices, one per alarm: a slice runs a few lines and sets
 * the next alarm. The results of a slice are in the database before the next begins, so a batch continues
 * after a restart with the lines that have no result yet. Lines go through the same dispatch as
 * requests from outside.
 */
import type { Caller } from '../../platform/caller.ts';
import { NO_REQUEST } from '../../platform/failure.ts';
import { PortableObject } from '../../platform/storage/portable-object.ts';
import { keptMs } from '../../access/content/retention.ts';
import { ContentBox } from '../../access/content/content-box.ts';
import type { EngineError } from '../../../engine/base/errors.ts';
import type { FileLine } from '../files/line-reader.ts';
import { newFileId } from '../files/stored-file.ts';
import type { Ask } from '../../http/endpoint.ts';
import type { FilesEnv } from '../files/env.ts';
import { recordForClient } from '../../http/error-response.ts';
import {
  answerResult,
  brokenResult,
  duplicateError,
  type LineRequest,
  parseLine,
  skippedResult,
} from './batch-line.ts';
import {
  type BatchJob,
  type BatchProgress,
  type BatchState,
  forgottenAtS,
  KEPT_S,
  isFinal,
  MAX_TRIES,
  newBatchState,
  nextStep,
  pauseMs,
  type Step,
  withCancel,
  withCount,
  withEnd,
  withExpiry,
  withFailure,
  withFiles,
} from './batch-state.ts';
import { BatchStore } from './batch-store.ts';
import {
  countLines,
  fileGone,
  MAX_BATCH_LINES,
  noLines,
  readSlice,
  type Slice,
  tooManyLines,
} from './input-lines.ts';
import { removeFromList, writeResultFile } from './result-files.ts';

/** Lines per alarm: between two alarms the platform and the bucket take some 50 ms. */
const SLICE_LINES = 32;
/** The platform gives an alarm 15 minutes; after this time no further line is begun. */
const SLICE_MS = 2 * 60_000;
/** Lines that run in parallel: they share passes over the weights, and leave room for other requests. */
const CONCURRENT_LINES = 4;
/** Lines per alarm that are recorded as not run. */
const SKIPPED_LINES = 1000;
/** Statuses of transient failures, after which the same request may succeed. */
const PASSING_STATUSES: ReadonlySet<number> = new Set([499, 502, 503]);

/** Status of a request over a limit of the key that made the batch. */
const OVER_LIMIT = 429;
/** What a limit that was reached is given at least, and at most, before the next try. */
const LIMIT_PAUSE_MS = { min: 1000, max: 60_000 } as const;

/** Place of failures that belong to no line. */
const PLACE = { place: 'gateway.batch', ...NO_REQUEST };

const now = (): number => Math.floor(Date.now() / 1000);

interface Task {
  readonly number: number;
  readonly request: LineRequest;
}

/** Makes the function that runs lines for a caller. The gateway script knows its endpoints. */
export type AskFor = (caller: Caller) => Ask;

export class BatchRunner extends PortableObject<FilesEnv> {
  readonly #askFor: AskFor;
  readonly #store = new BatchStore(this.ctx.storage);
  /** Aborts the work of the current alarm; null between alarms. */
  #abort: AbortController | null = null;
  /** Settles when the work of the current alarm has ended. */
  #work: Promise<unknown> | null = null;

  constructor(ctx: DurableObjectState, env: FilesEnv, askFor: AskFor) {
    super(ctx, env);
    this.#askFor = askFor;
  }

  /** Creates the batch. @returns its JSON, as a string since RPC's types lose the shape */
  async create(job: BatchJob): Promise<string> {
    const state = newBatchState(job, now());
    this.#store.create(state);
    await this.ctx.storage.setAlarm(Date.now());
    return JSON.stringify(state.batch);
  }

  /** @returns JSON of the batch; null when there is none */
  async read(): Promise<string | null> {
    const state = await this.#read();
    return state === null ? null : JSON.stringify(state.batch);
  }

  /** @returns JSON of the batch and of what only some APIs report; null when there is none */
  async readProgress(): Promise<string | null> {
    const state = await this.#read();
    if (state === null) return null;
    const progress: BatchProgress = { batch: state.batch, nSkipped: state.nSkipped ?? 0 };
    return JSON.stringify(progress);
  }

  async #read(): Promise<BatchState | null> {
    const state = this.#store.read();
    if (state !== null) await this.#wake(state);
    return state;
  }

  /** Aborts the lines that run; a finished batch does not change. */
  async cancel(): Promise<string | null> {
    if (this.#store.read() === null) return null;
    const state = this.#store.update((found) => withCancel(found, now()));
    if (state.outcome === 'cancelled') this.#abort?.abort();
    await this.#wake(state);
    return JSON.stringify(state.batch);
  }

  /** Deletes the batch after the lines that run, which are aborted; its files stay. */
  async remove(): Promise<void> {
    this.#abort?.abort();
    await this.#work;
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
  }

  override async alarm(): Promise<void> {
    if (this.#store.read() === null) return;
    this.#abort = new AbortController();
    const work = Promise.withResolvers<void>();
    this.#work = work.promise;
    try {
      await this.#runAlarm();
    } finally {
      this.#work = null;
      work.resolve();
    }
  }

  async #runAlarm(): Promise<void> {
    let delayMs: number | null;
    try {
      const state = this.#store.update((found) => withExpiry(found, now()));
      delayMs = await this.#steps[nextStep(state, now(), this.#keptS())](state);
    } catch (error) {
      delayMs = this.#noteFailure(error);
    } finally {
      this.#abort = null;
    }
    if (delayMs !== null) await this.ctx.storage.setAlarm(Date.now() + delayMs);
  }

  /** Sets the alarm again in case it was lost. */
  async #wake(state: BatchState): Promise<void> {
    if (isFinal(state) || this.#abort !== null) return;
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(Date.now());
  }

  /** Each step gives the milliseconds until the next one; null after the last. */
  readonly #steps: Readonly<
    Record<Step, (state: BatchState) => Promise<number | null> | number | null>
  > = {
    count: (state) => this.#count(state),
    run: (state) => this.#runSlice(state),
    skip: (state) => this.#skipSlice(state),
    finish: () => this.#finish(),
    wait: (state) => Math.max(0, forgottenAtS(state, this.#keptS()) * 1000 - Date.now()),
    forget: (state) => this.#forget(state),
  };

  async #count({ batch, caller }: BatchState): Promise<number> {
    const nLine = await countLines(this.env, caller, batch.input_file_id, this.#abort?.signal);
    if (nLine === null) return this.#fail(fileGone(batch.input_file_id));
    if (this.#isAborted()) return 0;
    if (nLine === 0) return this.#fail(noLines());
    if (nLine > MAX_BATCH_LINES) return this.#fail(tooManyLines());
    this.#store.update((state) => withCount(state, nLine, now()));
    return 0;
  }

  async #runSlice(state: BatchState): Promise<number> {
    const slice = await readSlice(this.env, state, SLICE_LINES);
    if (slice === null) return this.#fail(fileGone(state.batch.input_file_id));
    const tasks: Task[] = [];
    for (const line of slice.lines) tasks.push(...(await this.#prepare(line, state)));
    const isLastTry = state.nTry + 1 >= MAX_TRIES;
    const endMs = Date.now() + SLICE_MS;
    let nDone = 0;
    let nRetry = 0;
    let limitMs = 0;
    const work = async (): Promise<void> => {
      while (Date.now() < endMs && !this.#isAborted()) {
        const task = tasks.shift();
        if (task === undefined) return;
        const { isDone, waitMs } = await this.#runLine(task, state, isLastTry);
        if (waitMs > 0) {
          // Fewer lines at a time may be within the limit.
          limitMs = Math.max(limitMs, waitMs);
          tasks.unshift(task);
          return;
        }
        if (isDone) nDone++;
        else nRetry++;
      }
    };
    await Promise.all(Array.from({ length: CONCURRENT_LINES }, work));
    if (tasks.length === 0 && nRetry === 0) this.#moveOn(slice);
    // A limit is not a failure: the batch waits for it until its window ends.
    if (tasks.length > 0 && limitMs > 0 && !this.#isAborted()) return limitMs;
    if (nRetry === 0 || this.#isAborted()) return 0;
    // A busy server that answers some of the lines is not given up.
    const retried = (found: BatchState) => (nDone > 0 ? { ...found, nTry: 1 } : withTry(found));
    return pauseMs(this.#store.update(retried).nTry);
  }

  /** The line as a task; none when it has a result already or is broken. */
  async #prepare(line: FileLine, state: BatchState): Promise<Task[]> {
    const { number } = line;
    if (this.#store.hasResult(number)) return [];
    const { customId, request, error } = parseLine(line, state.batch.endpoint);
    const owner = customId === null ? number : this.#store.claim(customId, number);
    const isDuplicate = customId !== null && owner !== number;
    const broken = error ?? (isDuplicate ? duplicateError(customId, owner) : null);
    if (broken !== null)
      await this.#store.keep(
        boxOf(this.env, state),
        number,
        brokenResult(number, customId, broken),
      );
    return broken !== null || request === null ? [] : [{ number, request }];
  }

  /** @returns whether the line has a result now, and how long a limit that it met wants to be left alone */
  async #runLine(
    task: Task,
    { batch, caller }: BatchState,
    isLastTry: boolean,
  ): Promise<{ readonly isDone: boolean; readonly waitMs: number }> {
    const { number, request } = task;
    const signal = this.#abort?.signal ?? null;
    const response = await this.#askFor(caller)(batch.endpoint, request.body, signal);
    const { status } = response;
    const text = await response.text();
    const retryAfter = response.headers.get('retry-after');
    if (status === OVER_LIMIT && retryAfter !== null) {
      const { min, max } = LIMIT_PAUSE_MS;
      return { isDone: false, waitMs: Math.min(max, Math.max(min, Number(retryAfter) * 1000)) };
    }
    if (this.#isAborted() || (PASSING_STATUSES.has(status) && !isLastTry))
      return { isDone: false, waitMs: 0 };
    const result = answerResult(number, request.customId, status, text);
    await this.#store.keep(boxOf(this.env, { batch, caller }), number, result);
    return { isDone: true, waitMs: 0 };
  }

  async #skipSlice(state: BatchState): Promise<number> {
    const { outcome, batch } = state;
    const slice = await readSlice(this.env, state, SKIPPED_LINES);
    if (slice === null) {
      // The remaining lines are unknown; results so far are kept.
      this.#store.update((found) => ({ ...found, isRead: true }));
      return 0;
    }
    const why = outcome === 'expired' ? 'expired' : 'cancelled';
    this.ctx.storage.transactionSync(() => {
      for (const line of slice.lines) {
        if (this.#store.hasResult(line.number)) continue;
        const { customId } = parseLine(line, batch.endpoint);
        this.#store.keepSkipped(line.number, skippedResult(line.number, customId, why));
      }
      this.#moveOn(slice);
    });
    return 0;
  }

  #moveOn({ lines, isEnd }: Slice): void {
    this.#store.update((state) => {
      const last = lines.at(-1);
      const cursor =
        last === undefined ? state.cursor : { offset: last.endOffset, number: last.number + 1 };
      // A range read cannot begin at the very end of a file.
      const isRead = isEnd || cursor.offset >= state.inputBytes;
      return { ...state, nTry: 0, cursor, isRead };
    });
  }

  async #finish(): Promise<number> {
    const { batch, caller } = this.#store.update((state) => {
      const idOf = (isError: boolean) => (this.#store.hasResults(isError) ? newFileId() : null);
      const files = { output_file_id: idOf(false), error_file_id: idOf(true) };
      return withFiles(state, files, now());
    });
    const write = async (id: string | null, isError: boolean): Promise<void> => {
      const filename = `${batch.id}_${isError ? 'error' : 'output'}.jsonl`;
      if (id !== null)
        await writeResultFile(this.env, this.#store, boxOf(this.env, { batch, caller }), {
          owner: caller,
          id,
          filename,
          isError,
        });
    };
    await write(batch.output_file_id, false);
    await write(batch.error_file_id, true);
    this.ctx.storage.transactionSync(() => {
      this.#store.update((state) => withEnd(state, now()));
      this.#store.dropResults();
    });
    return 0;
  }

  async #forget({ batch, caller }: BatchState): Promise<null> {
    await removeFromList(this.env.FILES, caller, batch.id);
    await this.ctx.storage.deleteAll();
    return null;
  }

  #fail(error: EngineError): number {
    const { code, message, param } = recordForClient(error, PLACE);
    this.#store.update((state) => withFailure(state, { code, message, param, line: null }));
    return 0;
  }

  /** A failure of storage, for example: retried, and given up unless only the files are missing. */
  #noteFailure(error: unknown): number {
    const { code, message, param } = recordForClient(error, PLACE);
    const { nTry, isRead } = this.#store.update(withTry);
    if (nTry >= MAX_TRIES && !isRead)
      this.#store.update((state) => withFailure(state, { code, message, param, line: null }));
    return pauseMs(nTry);
  }

  #keptS(): number {
    return Math.min(KEPT_S, keptMs(this.env, null) / 1000);
  }

  #isAborted(): boolean {
    return this.#abort?.signal.aborted === true;
  }
}

function boxOf(env: FilesEnv, { batch, caller }: Pick<BatchState, 'batch' | 'caller'>): ContentBox {
  return new ContentBox(env, caller, 'batch', batch.id);
}

const withTry = (state: BatchState): BatchState => ({ ...state, nTry: state.nTry + 1 });
