/** What a batch does next, without its clock: expiry, cancelling, forgetting, pauses. */
import { expect, test } from 'vitest';
import {
  type BatchState,
  KEPT_S,
  MAX_TRIES,
  newBatchState,
  nextStep,
  pauseMs,
  WINDOW_S,
  withCancel,
  withCount,
  withEnd,
  withExpiry,
  withFailure,
  withFiles,
  withResult,
} from '../../../worker/apis/batches/batch-state.ts';

const T0 = 1_000_000;
const NO_FILES = { output_file_id: null, error_file_id: null };
const job = {
  ...{ id: 'batch_1', endpoint: '/v1/completions', inputFileId: 'file-1' },
  ...{ inputBytes: 100, metadata: null },
};
const fresh = newBatchState(job, T0);
const running = withCount(fresh, 3, T0 + 1);
const read = (state: BatchState): BatchState => ({ ...state, isRead: true });

test('from beginning to end', () => {
  expect(nextStep(fresh, T0)).toBe('count');
  expect(running.batch).toMatchObject({ status: 'in_progress', in_progress_at: T0 + 1 });
  expect(nextStep(running, T0 + 1)).toBe('run');
  const answered = withResult(withResult(withResult(running, false), true), false);
  expect(answered.batch.request_counts).toEqual({ total: 3, completed: 2, failed: 1 });
  expect(nextStep(read(answered), T0 + 2)).toBe('finish');
  const files = { output_file_id: 'file-2', error_file_id: 'file-3' };
  const finalizing = withFiles(read(answered), files, T0 + 3);
  expect(finalizing.batch).toMatchObject({ ...files, status: 'finalizing', finalizing_at: T0 + 3 });
  // After a restart the files keep their names.
  expect(withFiles(finalizing, NO_FILES, T0 + 9)).toBe(finalizing);
  const done = withEnd(finalizing, T0 + 4);
  expect(done.batch).toMatchObject({ ...files, status: 'completed', completed_at: T0 + 4 });
  expect(nextStep(done, T0 + 5)).toBe('wait');
});

test('a batch whose requests are known is not counted; cancelled before it runs, it names them all', () => {
  const known = newBatchState({ ...job, nRequest: 3 }, T0);
  expect(known.batch).toMatchObject({ status: 'in_progress', in_progress_at: T0 });
  expect(nextStep(known, T0)).toBe('run');
  expect(nextStep(withCancel(known, T0), T0)).toBe('skip');
});

test('a batch expires after a day: what is left is skipped, then it ends as expired', () => {
  const end = T0 + WINDOW_S;
  expect(running.batch.expires_at).toBe(end);
  expect(withExpiry(running, end - 1)).toBe(running);
  const expired = withExpiry(running, end);
  expect(nextStep(expired, end)).toBe('skip');
  const done = withEnd(withFiles(read(expired), NO_FILES, end), end + 1);
  expect(done.batch).toMatchObject({ status: 'expired', expired_at: end + 1, completed_at: null });
  // One that was answered in time and only waits for its files does not.
  expect(withExpiry(read(running), end)).toEqual(read(running));
  // Nor one that was cancelled before.
  expect(withExpiry(withCancel(running, T0 + 2), end).outcome).toBe('cancelled');
});

test('a batch is cancelled once, before it is counted, too, and keeps its status to the end', () => {
  const early = withCancel(fresh, T0);
  expect(nextStep(early, T0)).toBe('finish');
  expect(withCount(early, 3, T0).batch.status).toBe('cancelling');
  const cancelled = withCancel(running, T0 + 2);
  expect(cancelled.batch).toMatchObject({ status: 'cancelling', cancelling_at: T0 + 2 });
  expect(nextStep(cancelled, T0 + 2)).toBe('skip');
  expect(withCancel(cancelled, T0 + 3)).toBe(cancelled);
  const finishing = withFiles(read(cancelled), NO_FILES, T0 + 4);
  expect(finishing.batch.status).toBe('cancelling');
  const done = withEnd(finishing, T0 + 5);
  expect(done.batch).toMatchObject({ status: 'cancelled', cancelled_at: T0 + 5 });
  expect(withCancel(done, T0 + 6)).toBe(done);
});

test('a failure is told, and what was answered is still written', () => {
  const error = { code: 'E_NOT_FOUND', message: 'gone', param: 'input_file_id', line: null };
  const failed = withFailure(running, error);
  expect(failed.batch.errors?.data).toEqual([error]);
  expect(nextStep(failed, T0 + 2)).toBe('finish');
  const done = withEnd(withFiles(failed, NO_FILES, T0 + 3), T0 + 4);
  expect(done.batch).toMatchObject({ status: 'failed', failed_at: T0 + 4 });
});

test('all of it is forgotten after 30 days, whatever state it is in', () => {
  for (const state of [fresh, running, read(running), withEnd(running, T0 + 5)]) {
    expect(nextStep(state, T0 + KEPT_S - 1)).not.toBe('forget');
    expect(nextStep(state, T0 + KEPT_S)).toBe('forget');
  }
});

test('pauses double up to a minute', () => {
  expect([1, 2, 3, 4, 5, 6, 7, MAX_TRIES].map(pauseMs)).toEqual([
    ...[1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000],
  ]);
});
