/** Asks the trainer of a local server. */
import { EngineError, errorFromRecord } from '../../../engine/base/errors.ts';
import type { ErrorRecord } from '../../../engine/base/errors.ts';
import { reach } from '../../platform/rpc.ts';
import type { TrainerEnv } from './env.ts';
import { progressSchema, SPEC_HEADER, TOKEN_HEADER } from './trainer-protocol.ts';
import type { JobProgress, JobSpec } from './trainer-protocol.ts';

/** Any address: the binding leads to one place only. */
const ORIGIN = 'http://trainer';
const NOT_FOUND = 404;

export const hasTrainer = ({ TRAINER }: TrainerEnv): boolean => TRAINER !== undefined;

/** @throws {EngineError} E_LOCAL_ONLY where nothing trains */
export function requireTrainer(env: TrainerEnv): void {
  if (!hasTrainer(env)) throw localOnly();
}

/**
 * Queues a job.
 * @param rows what it learns, JSONL
 * @throws {EngineError} E_REQUEST_INVALID for rows, E_MODEL_NOT_FOUND and E_MODEL_KIND for a model that cannot be
 *   trained, E_BUSY for a full queue, E_LOCAL_ONLY
 */
export async function queueJob(
  env: TrainerEnv,
  spec: JobSpec,
  rows: ReadableStream<Uint8Array>,
): Promise<JobProgress> {
  const headers = { [SPEC_HEADER]: encodeURIComponent(JSON.stringify(spec)) };
  return await progressOf(await call(env, 'POST', '/jobs', { headers, body: rows }));
}

/** Null for a job that the trainer does not have. @throws {EngineError} E_LOCAL_ONLY */
export async function readProgress(env: TrainerEnv, id: string): Promise<JobProgress | null> {
  return await progressOrNull(await call(env, 'GET', `/jobs/${id}`));
}

/** Losses of all steps as CSV. @throws {EngineError} E_LOCAL_ONLY, E_NOT_FOUND */
export async function readMetrics(env: TrainerEnv, id: string): Promise<string> {
  const response = await call(env, 'GET', `/jobs/${id}/metrics`);
  if (!response.ok) throw await errorOf(response);
  return await response.text();
}

/** Ends a job that is not over. @throws {EngineError} E_LOCAL_ONLY */
export async function cancelTraining(env: TrainerEnv, id: string): Promise<JobProgress | null> {
  return await progressOrNull(await call(env, 'POST', `/jobs/${id}/cancel`));
}

/** Ends a job and deletes all that it left, the adapter included; nothing happens where nothing trains. */
export async function eraseTraining(env: TrainerEnv, id: string): Promise<void> {
  if (!hasTrainer(env)) return;
  const response = await call(env, 'DELETE', `/jobs/${id}`);
  if (!response.ok && response.status !== NOT_FOUND) throw await errorOf(response);
}

async function call(
  { TRAINER, TRAINER_TOKEN = '' }: TrainerEnv,
  method: string,
  path: string,
  init: { readonly headers?: Record<string, string>; readonly body?: ReadableStream } = {},
): Promise<Response> {
  if (TRAINER === undefined) throw localOnly();
  const headers = { ...init.headers, [TOKEN_HEADER]: TRAINER_TOKEN };
  return await reach('trainer', () => TRAINER.fetch(ORIGIN + path, { ...init, method, headers }));
}

async function progressOrNull(response: Response): Promise<JobProgress | null> {
  if (response.status !== NOT_FOUND) return await progressOf(response);
  await response.body?.cancel();
  return null;
}

async function progressOf(response: Response): Promise<JobProgress> {
  if (!response.ok) throw await errorOf(response);
  return progressSchema.parse(await response.json());
}

/** What the trainer refuses with is a record of its error. */
async function errorOf(response: Response): Promise<EngineError> {
  return errorFromRecord(await response.json<ErrorRecord>());
}

function localOnly(): EngineError {
  return new EngineError(
    'E_LOCAL_ONLY',
    'fine_tuning: this deployment does not train: training needs threads, which Workers do not have. ' +
      'Ask a server on a machine of your own (thimble serve), or run: thimble finetune -m MODEL --data FILE, and ' +
      'thimble adapter add MODEL:NAME FOLDER --remote',
  );
}
