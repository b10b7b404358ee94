/** The state of a batch and its next step: data and pure functions, without storage or clock. */
import { ANONYMOUS, callerOf } from '../../platform/caller.ts';
import type { Caller } from '../../platform/caller.ts';
import type { BatchErrorJson, BatchJson } from './json-schema.ts';

/** The only completion_window. */
export const WINDOW_S = 24 * 60 * 60;
/** How long a batch and its list entry are kept at most; its files have a time of their own. */
export const KEPT_S = 30 * 24 * 60 * 60;
/** Transient failures are retried after a second, then after twice as long each time. */
export const FIRST_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 60_000;
/** About six minutes of retries. */
export const MAX_TRIES = 11;

export type Outcome = 'completed' | 'failed' | 'expired' | 'cancelled';

export interface BatchState {
  readonly batch: BatchJson;
  /** Who made the batch: its lines run for the same subject, within the same limits. */
  readonly caller: Caller;
  /** Size of the input file, which never changes. */
  readonly inputBytes: number;
  /** Byte offset and number of the first line that is not done. */
  readonly cursor: { readonly offset: number; readonly number: number };
  readonly isCounted: boolean;
  /** Whether no line is left. */
  readonly isRead: boolean;
  /** Why the remaining lines are not run; null while they are. */
  readonly outcome: Outcome | null;
  /** Failed attempts since the last progress. */
  readonly nTry: number;
  /** Requests that were not run, since the batch was cancelled or expired. */
  readonly nSkipped?: number;
}

/** What is read of a batch; `nSkipped` of those that failed were not run. */
export interface BatchProgress {
  readonly batch: BatchJson;
  readonly nSkipped: number;
}

export interface BatchJob {
  readonly id: string;
  /** Anonymous by default. */
  readonly caller?: Caller;
  readonly endpoint: string;
  readonly inputFileId: string;
  readonly inputBytes: number;
  readonly metadata: BatchJson['metadata'];
  /** Number of requests where the server wrote the file itself: they need not be counted. */
  readonly nRequest?: number;
}

export function newBatchState(job: BatchJob, nowS: number): BatchState {
  const { id, caller = callerOf(ANONYMOUS), endpoint, inputFileId, inputBytes, metadata } = job;
  const total = job.nRequest ?? 0;
  const isCounted = job.nRequest !== undefined;
  const batch: BatchJson = {
    ...{ id, object: 'batch', endpoint, errors: null, input_file_id: inputFileId },
    ...{ completion_window: '24h', status: isCounted ? 'in_progress' : 'validating' },
    ...{ output_file_id: null, error_file_id: null, created_at: nowS },
    ...{ in_progress_at: isCounted ? nowS : null },
    ...{ expires_at: nowS + WINDOW_S, finalizing_at: null, completed_at: null, failed_at: null },
    ...{ expired_at: null, cancelling_at: null, cancelled_at: null },
    ...{ request_counts: { total, completed: 0, failed: 0 }, metadata },
  };
  const cursor = { offset: 0, number: 1 };
  const progress = { isCounted, isRead: false, outcome: null, nTry: 0 };
  return { batch, caller, inputBytes, cursor, ...progress };
}

const FINAL: ReadonlySet<string> = new Set<Outcome>([
  'completed',
  'failed',
  'expired',
  'cancelled',
]);

export const isFinal = ({ batch }: Pick<BatchState, 'batch'>): boolean => FINAL.has(batch.status);

/** When a batch is deleted. */
export const forgottenAtS = ({ batch }: BatchState, keptS = KEPT_S): number =>
  batch.created_at + keptS;

/**
 * count: count the lines. run: answer the next few. skip: record the next many as not run.
 * finish: write the result files. wait: nothing to do until it is deleted.
 */
export type Step = 'count' | 'run' | 'skip' | 'finish' | 'wait' | 'forget';

/** @param state after `withExpiry` */
export function nextStep(state: BatchState, nowS: number, keptS = KEPT_S): Step {
  if (nowS >= forgottenAtS(state, keptS)) return 'forget';
  if (isFinal(state)) return 'wait';
  if (state.isRead) return 'finish';
  // No line was begun, so the lines have no results.
  if (!state.isCounted) return state.outcome === null ? 'count' : 'finish';
  return state.outcome === null ? 'run' : 'skip';
}

export function withExpiry(state: BatchState, nowS: number): BatchState {
  const isOver = state.isRead || state.outcome !== null || isFinal(state);
  return isOver || nowS < state.batch.expires_at ? state : { ...state, outcome: 'expired' };
}

/** Changes nothing when all lines are done or the batch is finished. */
export function withCancel(state: BatchState, nowS: number): BatchState {
  if (isFinal(state) || state.isRead || state.outcome !== null) return state;
  const batch: BatchJson = { ...state.batch, status: 'cancelling', cancelling_at: nowS };
  return { ...state, batch, outcome: 'cancelled' };
}

export function withCount(state: BatchState, total: number, nowS: number): BatchState {
  const { batch } = state;
  const counted = { ...batch, request_counts: { ...batch.request_counts, total } };
  // It may have been cancelled in the meantime.
  const isRunning = batch.status === 'validating';
  return {
    ...{ ...state, isCounted: true, nTry: 0 },
    batch: isRunning ? { ...counted, status: 'in_progress', in_progress_at: nowS } : counted,
  };
}

/** The batch as a whole has failed. Results so far are kept. */
export function withFailure(state: BatchState, error: BatchErrorJson): BatchState {
  const errors = { object: 'list' as const, data: [error] };
  return { ...state, isRead: true, outcome: 'failed', batch: { ...state.batch, errors } };
}

/** The state before the files are written, with the ids they will have. */
export function withFiles(
  state: BatchState,
  files: Pick<BatchJson, 'output_file_id' | 'error_file_id'>,
  nowS: number,
): BatchState {
  const { batch } = state;
  if (batch.finalizing_at !== null) return state;
  // A batch that is being cancelled keeps that status to its end, as with OpenAI.
  const status = batch.status === 'cancelling' ? batch.status : 'finalizing';
  return { ...state, isRead: true, batch: { ...batch, ...files, status, finalizing_at: nowS } };
}

export function withEnd(state: BatchState, nowS: number): BatchState {
  const status = state.outcome ?? 'completed';
  return { ...state, nTry: 0, batch: { ...state.batch, status, [`${status}_at`]: nowS } };
}

export function withResult(state: BatchState, isError: boolean): BatchState {
  const { completed, failed, total } = state.batch.request_counts;
  const counts = isError
    ? { total, completed, failed: failed + 1 }
    : { total, completed: completed + 1, failed };
  return { ...state, batch: { ...state.batch, request_counts: counts } };
}

export function withSkipped(state: BatchState): BatchState {
  return { ...withResult(state, true), nSkipped: (state.nSkipped ?? 0) + 1 };
}

export function pauseMs(nTry: number): number {
  return Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (nTry - 1));
}
