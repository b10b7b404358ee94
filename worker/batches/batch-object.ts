/**
 * A batch: one object per id. It works in slices, each an alarm: a slice does a few lines and sets
 * the next alarm. What a slice did is in the database before the next begins, so a batch goes on
 * after a restart with the lines that have no result yet. Lines go through the same dispatch as
 * requests from outside.
 */
import { DurableObject } from 'cloudflare:workers';
import { EngineError } from '../../engine/base/errors.ts';
import { type FileLine, readLines } from '../files/line-reader.ts';
import { newFileId, openFile } from '../files/stored-file.ts';
import { dispatch } from '../gateway/dispatch.ts';
import type { GatewayEnv } from '../gateway/env.ts';
import { recordForClient } from '../gateway/error-response.ts';
import { SITE } from '../gateway/site.ts';
import {
  answerResult,
  brokenResult,
  duplicateError,
  type LineRequest,
  MAX_LINE_BYTES,
  parseLine,
  skippedResult,
} from './batch-line.ts';
import {
  type BatchJob,
  type BatchState,
  forgottenAtS,
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
import { removeFromList, writeResultFile } from './result-files.ts';

export const MAX_BATCH_LINES = 50_000;
/** Answered in one alarm, which may take 15 minutes. */
const SLICE_LINES = 8;
/** Of those at a time: they share passes over the weights, and leave room for others. */
const CONCURRENT_LINES = 4;
/** Noted in one alarm as not run. */
const SKIPPED_LINES = 1000;
/** Held of the input at a time; a line more may come on top. */
const SLICE_BYTES = 4 * 1024 * 1024;
/** Answers that the same request may not get again. */
const PASSING_STATUSES: ReadonlySet<number> = new Set([499, 502, 503]);

const now = (): number => Math.floor(Date.now() / 1000);

interface Slice {
  readonly lines: readonly FileLine[];
  readonly isEnd: boolean;
}

interface Task {
  readonly number: number;
  readonly request: LineRequest;
}

export class BatchObject extends DurableObject<GatewayEnv> {
  private readonly store = new BatchStore(this.ctx.storage);
  /** While an alarm works: ends what it does. */
  private abort: AbortController | null = null;

  /** JSON of the batch. Text, since RPC's types lose the shape. */
  async create(job: BatchJob): Promise<string> {
    const state = newBatchState(job, now());
    this.store.create(state);
    await this.ctx.storage.setAlarm(Date.now());
    return JSON.stringify(state.batch);
  }

  /** JSON of the batch, or null. */
  async read(): Promise<string | null> {
    const state = this.store.read();
    if (state === null) return null;
    await this.wake(state);
    return JSON.stringify(state.batch);
  }

  /** Ends what is being answered; of a batch that is over nothing changes. */
  async cancel(): Promise<string | null> {
    if (this.store.read() === null) return null;
    const state = this.store.update((found) => withCancel(found, now()));
    if (state.outcome === 'cancelled') this.abort?.abort();
    await this.wake(state);
    return JSON.stringify(state.batch);
  }

  override async alarm(): Promise<void> {
    if (this.store.read() === null) return;
    this.abort = new AbortController();
    let delayMs: number | null;
    try {
      const state = this.store.update((found) => withExpiry(found, now()));
      delayMs = await this.steps[nextStep(state, now())](state);
    } catch (error) {
      delayMs = this.noteFailure(error);
    } finally {
      this.abort = null;
    }
    if (delayMs !== null) await this.ctx.storage.setAlarm(Date.now() + delayMs);
  }

  /** Should an alarm have been lost, whoever asks sets it going again. */
  private async wake(state: BatchState): Promise<void> {
    if (isFinal(state) || this.abort !== null) return;
    if ((await this.ctx.storage.getAlarm()) === null) await this.ctx.storage.setAlarm(Date.now());
  }

  /** Each gives the pause until the next, or null for the last. */
  private readonly steps: Readonly<
    Record<Step, (state: BatchState) => Promise<number | null> | number | null>
  > = {
    count: (state) => this.count(state),
    run: (state) => this.runSlice(state),
    skip: (state) => this.skipSlice(state),
    finish: () => this.finish(),
    wait: (state) => Math.max(0, forgottenAtS(state) * 1000 - Date.now()),
    forget: (state) => this.forget(state),
  };

  private async count({ batch }: BatchState): Promise<number> {
    const stream = await openFile(this.env.FILES, batch.input_file_id);
    if (stream === null) return this.fail(fileGone(batch.input_file_id));
    let nLine = 0;
    for await (const _line of readLines(stream, { offset: 0, number: 1 }, MAX_LINE_BYTES)) {
      if (++nLine > MAX_BATCH_LINES) return this.fail(tooManyLines());
      if (this.abort?.signal.aborted === true) return 0;
    }
    if (nLine === 0) return this.fail(noLines());
    this.store.update((state) => withCount(state, nLine, now()));
    return 0;
  }

  private async runSlice(state: BatchState): Promise<number> {
    const slice = await this.readSlice(state, SLICE_LINES);
    if (slice === null) return this.fail(fileGone(state.batch.input_file_id));
    const tasks = slice.lines.flatMap((line) => this.prepare(line, state.batch.endpoint));
    const isLastTry = state.nTry + 1 >= MAX_TRIES;
    const nTask = tasks.length;
    let nLeft = nTask;
    const work = async (): Promise<void> => {
      for (let task = tasks.shift(); task !== undefined; task = tasks.shift())
        if (await this.runLine(task, state.batch.endpoint, isLastTry)) nLeft--;
    };
    await Promise.all(Array.from({ length: CONCURRENT_LINES }, work));
    if (nLeft === 0) this.moveOn(slice);
    if (nLeft === 0 || this.isAborted()) return 0;
    // A server that is busy and answers some of them is not given up.
    const retried = (found: BatchState) => (nLeft < nTask ? { ...found, nTry: 1 } : withTry(found));
    return pauseMs(this.store.update(retried).nTry);
  }

  /** A line that has its result already, or is broken, leaves nothing to be run. */
  private prepare(line: FileLine, endpoint: string): Task[] {
    const { number } = line;
    if (this.store.hasResult(number)) return [];
    const { customId, request, error } = parseLine(line, endpoint);
    const owner = customId === null ? number : this.store.claim(customId, number);
    const isDuplicate = customId !== null && owner !== number;
    const broken = error ?? (isDuplicate ? duplicateError(customId, owner) : null);
    if (broken !== null) this.store.keep(number, brokenResult(number, customId, broken));
    return broken !== null || request === null ? [] : [{ number, request }];
  }

  /** False when the line has no result yet. */
  private async runLine(task: Task, endpoint: string, isLastTry: boolean): Promise<boolean> {
    const { number, request } = task;
    if (this.isAborted()) return false;
    const { status, text } = await this.ask(endpoint, request.body);
    if (this.isAborted() || (PASSING_STATUSES.has(status) && !isLastTry)) return false;
    this.store.keep(number, answerResult(number, request.customId, status, text));
    return true;
  }

  private async ask(path: string, body: object): Promise<{ status: number; text: string }> {
    const endpoint = SITE.endpoints.find((row) => row.method === 'POST' && row.path === path);
    if (endpoint === undefined) throw new Error(`batch: no endpoint ${path}`);
    const init = {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' } },
      ...{ body: JSON.stringify(body), signal: this.abort?.signal ?? null },
    };
    const request = new Request(new URL(path, 'https://batch'), init);
    const response = await dispatch(endpoint, { request, env: this.env, params: {} }, SITE);
    return { status: response.status, text: await response.text() };
  }

  private async skipSlice(state: BatchState): Promise<number> {
    const { outcome, batch } = state;
    const slice = await this.readSlice(state, SKIPPED_LINES);
    if (slice === null) {
      // Nobody can say which lines were left; what was answered is kept.
      this.store.update((found) => ({ ...found, isRead: true }));
      return 0;
    }
    const why = outcome === 'expired' ? 'expired' : 'cancelled';
    this.ctx.storage.transactionSync(() => {
      for (const line of slice.lines) {
        if (this.store.hasResult(line.number)) continue;
        const { customId } = parseLine(line, batch.endpoint);
        this.store.keep(line.number, skippedResult(line.number, customId, why));
      }
      this.moveOn(slice);
    });
    return 0;
  }

  /** Null when the file is not there. */
  private async readSlice({ batch, cursor }: BatchState, limit: number): Promise<Slice | null> {
    const stream = await openFile(this.env.FILES, batch.input_file_id, cursor.offset);
    if (stream === null) return null;
    const lines: FileLine[] = [];
    for await (const line of readLines(stream, cursor, MAX_LINE_BYTES)) {
      lines.push(line);
      const nByte = line.endOffset - cursor.offset;
      if (lines.length === limit || nByte >= SLICE_BYTES) return { lines, isEnd: false };
    }
    return { lines, isEnd: true };
  }

  private moveOn({ lines, isEnd }: Slice): void {
    this.store.update((state) => {
      const last = lines.at(-1);
      const cursor =
        last === undefined ? state.cursor : { offset: last.endOffset, number: last.number + 1 };
      // Nothing can be read from a file's very end on.
      const isRead = isEnd || cursor.offset >= state.inputBytes;
      return { ...state, nTry: 0, cursor, isRead };
    });
  }

  private async finish(): Promise<number> {
    const { batch } = this.store.update((state) => {
      const idOf = (isError: boolean) => (this.store.hasResults(isError) ? newFileId() : null);
      const files = { output_file_id: idOf(false), error_file_id: idOf(true) };
      return withFiles(state, files, now());
    });
    const write = async (id: string | null, isError: boolean): Promise<void> => {
      const filename = `${batch.id}_${isError ? 'error' : 'output'}.jsonl`;
      if (id !== null) await writeResultFile(this.env.FILES, this.store, { id, filename, isError });
    };
    await write(batch.output_file_id, false);
    await write(batch.error_file_id, true);
    this.ctx.storage.transactionSync(() => {
      this.store.update((state) => withEnd(state, now()));
      this.store.dropResults();
    });
    return 0;
  }

  private async forget({ batch }: BatchState): Promise<null> {
    await removeFromList(this.env.FILES, batch.id);
    await this.ctx.storage.deleteAll();
    return null;
  }

  private fail(error: EngineError): number {
    const { code, message, param } = recordForClient(error);
    this.store.update((state) => withFailure(state, { code, message, param, line: null }));
    return 0;
  }

  /** Storage that was away, say: tried again, and given up unless only the files are missing. */
  private noteFailure(error: unknown): number {
    const { code, message, param } = recordForClient(error);
    const { nTry, isRead } = this.store.update(withTry);
    if (nTry >= MAX_TRIES && !isRead)
      this.store.update((state) => withFailure(state, { code, message, param, line: null }));
    return pauseMs(nTry);
  }

  private isAborted(): boolean {
    return this.abort?.signal.aborted === true;
  }
}

const withTry = (state: BatchState): BatchState => ({ ...state, nTry: state.nTry + 1 });

function invalidFile(message: string): EngineError {
  return new EngineError('E_REQUEST_INVALID', message, { param: 'input_file_id' });
}

function fileGone(id: string): EngineError {
  const message = `input_file_id: ${id} was deleted before the batch was done. Upload it again.`;
  return new EngineError('E_NOT_FOUND', message, { param: 'input_file_id' });
}

function noLines(): EngineError {
  return invalidFile('input_file_id: expected requests, got a file of blank lines.');
}

function tooManyLines(): EngineError {
  return invalidFile(
    `input_file_id: expected at most ${MAX_BATCH_LINES} lines, got more. Split the file.`,
  );
}
