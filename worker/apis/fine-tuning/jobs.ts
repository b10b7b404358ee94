/** Endpoints of fine-tuning jobs (docs/training.md). */
import { EngineError } from '../../../engine/base/errors.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { byteStream } from '../../platform/byte-stream.ts';
import type { Caller } from '../../platform/caller.ts';
import {
  listJson,
  listSchema,
  pageOf,
  readAfter,
  readLimit,
  wrongQuery,
} from '../../http/body/page-query.ts';
import { findModel } from '../../serving/models/model-store.ts';
import { headFile, newFileId, openFile } from '../files/stored-file.ts';
import {
  isRecordId,
  readItems,
  readRecord,
  recordIds,
  removeRecord,
  writeRecord,
} from '../records/records.ts';
import { cancelTraining, queueJob, requireTrainer } from './ask-trainer.ts';
import { defineFineTuningEndpoint } from './env.ts';
import type { FineTuningEnv } from './env.ts';
import { newJob, noteProgress, readJob, specOf } from './kept-job.ts';
import type { KeptJob } from './kept-job.ts';
import { checkpointSchema, JOB_REFUSED, jobBodySchema, jobSchema } from './schema.ts';
import { eventSchema, isFinal, MAX_CHECKPOINTS, newJobId } from './trainer-protocol.ts';
import type { EventJson } from './trainer-protocol.ts';

const KIND = 'fine-tuning job';
const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;
const NOT_HERE = 501;

const params = { id: 'id of the job' };
const jobRow = { status: 200, what: 'the job', schema: jobSchema };
const missing = { title: 'An unknown job', params: { id: 'ftjob-0' }, status: 404 };
const row = { method: 'GET', tag: 'fine-tuning', scope: 'chat' } as const;

export const createJob = defineFineTuningEndpoint({
  ...row,
  name: 'createFineTuningJob',
  method: 'POST',
  path: '/v1/fine_tuning/jobs',
  summary: 'Fine-tune a model on the rows of a file',
  description:
    'A local server learns an adapter in the background, one job after the other, at low priority, and serves it as ' +
    '"fine_tuned_model" when the job has succeeded. Rows are checked at once: a bad one is named by its line and field. ' +
    'A job goes on after a restart of the server. A deployment does not train.',
  body: jobBodySchema,
  refused: JOB_REFUSED,
  responses: [jobRow],
  examples: [
    {
      title: 'A deployment, or another server that does not train',
      body: { model: 'default', training_file: 'file-0', suffix: 'support' },
      status: NOT_HERE,
    },
  ],
  async handle({ env, caller, body }) {
    requireTrainer(env);
    const { id: model, named } = await findModel(env.MODELS, body.model, caller);
    if (named.adapter !== null)
      throw invalidField('model', `expected a model itself, got its adapter. Name ${model}`);
    const training = await openRows(env, caller, 'training_file', body.training_file);
    const asked = body.validation_file ?? null;
    const validation =
      asked === null ? null : await openRows(env, caller, 'validation_file', asked);
    const id = newJobId();
    const spec = specOf(id, model, body, validation === null ? null : training.bytes);
    const kept: KeptJob = {
      job: newJob(spec, body, caller.subject, Math.floor(Date.now() / 1000)),
      ...{ adapter: spec.adapter, resultFile: newFileId(), nEvent: 0, checkpoints: [] },
    };
    // The record comes first: what cannot be found must not train.
    await writeRecord(env, caller, id, kept, []);
    try {
      const files = [training, ...(validation === null ? [] : [validation])];
      const progress = await queueJob(env, spec, byteStream(bytesOf(files)));
      return Response.json((await noteProgress(env, caller, kept, progress)).job);
    } catch (error) {
      await removeRecord(env, caller, KIND, id);
      throw error;
    }
  },
});

interface Rows {
  readonly bytes: number;
  readonly rows: ReadableStream<Uint8Array>;
}

/** @throws {EngineError} E_REQUEST_INVALID naming the file's fault */
async function openRows(
  env: FineTuningEnv,
  caller: Caller,
  field: 'training_file' | 'validation_file',
  id: string,
): Promise<Rows> {
  const wrong = (expected: string, got: string): EngineError =>
    invalidField(field, `expected ${expected}, got ${got.slice(0, 80)}`);
  const file = await headFile(env.FILES, caller, id);
  if (file === null) throw wrong('the id of a file of yours of /v1/files', id);
  if (file.purpose !== 'fine-tune')
    throw wrong('a file of purpose "fine-tune"', `purpose "${file.purpose}"`);
  const rows = await openFile(env, caller, id);
  if (rows === null) throw wrong('the id of a file of yours of /v1/files', id);
  return { bytes: file.bytes, rows };
}

/** Of one file after the other. */
async function* bytesOf(files: readonly Rows[]): AsyncGenerator<Uint8Array, void, void> {
  for (const { rows } of files) yield* rows;
}

export const getJob = defineFineTuningEndpoint({
  ...row,
  name: 'getFineTuningJob',
  path: '/v1/fine_tuning/jobs/:id',
  summary: 'Get a fine-tuning job',
  params,
  responses: [jobRow],
  examples: [missing],
  async handle({ env, caller, params: { id = '' } }) {
    return Response.json((await readJob(env, caller, id)).job);
  },
});

export const listJobs = defineFineTuningEndpoint({
  ...row,
  name: 'listFineTuningJobs',
  path: '/v1/fine_tuning/jobs',
  summary: 'List fine-tuning jobs, the newest first',
  query: {
    limit: `1 to ${MAX_LIMIT}, default ${DEFAULT_LIMIT}`,
    after: 'id of a job, after which the list begins',
  },
  responses: [{ status: 200, what: 'a page of jobs', schema: listSchema(jobSchema) }],
  examples: [{ title: 'The newest', query: 'limit=5' }],
  async handle({ env, caller, request }) {
    const query = new URL(request.url).searchParams;
    const filter = [...query.keys()].find((name) => /^metadata\b/.test(name));
    if (filter !== undefined)
      throw wrongQuery(
        filter,
        'expected it to be absent: jobs are not filtered',
        query.get(filter)!,
      );
    const limit = readLimit(query, DEFAULT_LIMIT, MAX_LIMIT);
    const after = readAfter(query, (id) => isRecordId(KIND, id)) ?? '';
    const ids = await recordIds(env, caller, KIND, after, limit + 1);
    const data = [];
    for (const id of ids.slice(0, limit)) {
      // One may have been erased since.
      const kept = await readJob(env, caller, id).catch(unlessMissing);
      if (kept !== null) data.push(kept.job);
    }
    return Response.json(listJson(data, ids.length > limit));
  },
});

function unlessMissing(error: unknown): null {
  if (error instanceof EngineError && error.code === 'E_NOT_FOUND') return null;
  throw error;
}

export const cancelJob = defineFineTuningEndpoint({
  ...row,
  name: 'cancelFineTuningJob',
  method: 'POST',
  path: '/v1/fine_tuning/jobs/:id/cancel',
  summary: 'Cancel a fine-tuning job',
  description:
    'The training ends within seconds, and what it has learned is deleted. A job that is over stays as it is.',
  params,
  responses: [jobRow],
  examples: [missing],
  async handle({ env, caller, params: { id = '' } }) {
    const kept = await readRecord<KeptJob>(env, caller, KIND, id);
    if (isFinal(kept.job.status)) return Response.json(kept.job);
    const changed = await noteProgress(env, caller, kept, await cancelTraining(env, id));
    return Response.json(changed.job);
  },
});

export const listJobEvents = defineFineTuningEndpoint({
  ...row,
  name: 'listFineTuningEvents',
  path: '/v1/fine_tuning/jobs/:id/events',
  summary: 'List what happened in a fine-tuning job, the newest first',
  params,
  query: {
    limit: `1 to ${MAX_LIMIT}, default ${DEFAULT_LIMIT}`,
    after: 'id of an event, after which the list begins',
  },
  responses: [{ status: 200, what: 'a page of events', schema: listSchema(eventSchema) }],
  examples: [missing],
  async handle({ env, caller, request, params: { id = '' } }) {
    await readJob(env, caller, id);
    const events = await readItems<EventJson>(env, caller, KIND, id);
    const query = new URL(request.url).searchParams;
    return Response.json(pageOf(events, query, DEFAULT_LIMIT, MAX_LIMIT));
  },
});

export const listJobCheckpoints = defineFineTuningEndpoint({
  ...row,
  name: 'listFineTuningCheckpoints',
  path: '/v1/fine_tuning/jobs/:id/checkpoints',
  summary: 'List what a fine-tuning job has made',
  description: `Once it has succeeded, what it had learned after each of its last ${MAX_CHECKPOINTS} epochs: each is served by its name, and the last one is the fine-tuned model.`,
  params,
  query: {
    limit: `1 to ${MAX_LIMIT}, default ${DEFAULT_LIMIT}`,
    after: 'id of a checkpoint, after which the list begins',
  },
  responses: [{ status: 200, what: 'a page of checkpoints', schema: listSchema(checkpointSchema) }],
  examples: [missing],
  async handle({ env, caller, request, params: { id = '' } }) {
    const { checkpoints } = await readJob(env, caller, id);
    const query = new URL(request.url).searchParams;
    return Response.json(pageOf(checkpoints, query, DEFAULT_LIMIT, MAX_LIMIT));
  },
});

/** OpenAI's clients have these calls; jobs here do not stop half-way. */
function refusedCall(verb: 'pause' | 'resume') {
  return defineFineTuningEndpoint({
    ...row,
    name: `${verb}FineTuningJob`,
    method: 'POST',
    path: `/v1/fine_tuning/jobs/:id/${verb}`,
    summary: `Refused: jobs do not ${verb}`,
    params,
    responses: [jobRow],
    examples: [missing],
    async handle({ env, caller, params: { id = '' } }) {
      await readRecord<KeptJob>(env, caller, KIND, id);
      throw invalidField(
        verb,
        'is not supported: a job runs to its end, or until it is cancelled. Use /cancel',
        { details: { reason: 'unsupported_parameter' } },
      );
    },
  });
}
export const pauseJob = refusedCall('pause');
export const resumeJob = refusedCall('resume');
