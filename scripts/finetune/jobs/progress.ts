/** A job's progress after what happened: pure functions; times are in seconds since 1970. */
import { MAX_CHECKPOINTS } from '../../../worker/apis/fine-tuning/trainer-protocol.ts';
import type {
  EventJson,
  JobProgress,
  JobSpec,
} from '../../../worker/apis/fine-tuning/trainer-protocol.ts';
import type { FinetuneStep } from '../result.ts';

/** Events of losses that a job has at most, besides those of what was held out. */
const N_LOSS_EVENT = 200;

type Level = EventJson['level'];
export type JobFailure = NonNullable<JobProgress['error']>;

/** A job that waits for its turn. */
export function queued(spec: JobSpec, nowS: number): JobProgress {
  const progress: JobProgress = {
    ...{ status: 'queued', error: null, finishedAt: null, estimatedFinish: null },
    ...{ steps: 0, tokens: null, loss: null, heldOutLoss: null },
    ...{ checkpoints: [], events: [] },
  };
  return said(
    progress,
    spec,
    nowS,
    'Created fine-tuning job: its rows are valid, and it waits for its turn.',
  );
}

export function begun(progress: JobProgress, spec: JobSpec, nowS: number): JobProgress {
  const text =
    progress.status === 'running'
      ? `Goes on after a restart of the server, from the last checkpoint up to step ${progress.steps}.`
      : 'Training began.';
  return said({ ...progress, status: 'running' }, spec, nowS, text);
}

/** After a step; only some of them are events. */
export function stepped(
  progress: JobProgress,
  spec: JobSpec,
  nowS: number,
  { step, nStep, loss, heldOutLoss, epoch, secondsLeft }: FinetuneStep,
): JobProgress {
  // After a restart steps since the last checkpoint are made again.
  const before = progress.checkpoints.filter((one) => one.step < step);
  const made = epoch === null ? [] : [{ epoch, step, createdAt: nowS, loss, heldOutLoss }];
  const next: JobProgress = {
    ...{ ...progress, steps: step, loss },
    heldOutLoss: heldOutLoss ?? progress.heldOutLoss,
    checkpoints: [...before, ...made].slice(-MAX_CHECKPOINTS),
    estimatedFinish: Math.ceil(nowS + secondsLeft),
  };
  const every = Math.ceil(nStep / N_LOSS_EVENT);
  if (step % every !== 0 && step !== nStep && heldOutLoss === null) return next;
  const held = heldOutLoss === null ? '' : `, validation loss=${heldOutLoss.toFixed(4)}`;
  const data = {
    ...{ step, total_steps: nStep, train_loss: loss },
    ...(heldOutLoss === null ? {} : { valid_loss: heldOutLoss }),
  };
  return said(next, spec, nowS, `Step ${step}/${nStep}: training loss=${loss.toFixed(4)}${held}`, {
    data,
  });
}

/** @param tokens that all steps saw */
export function succeeded(
  progress: JobProgress,
  spec: JobSpec,
  nowS: number,
  tokens: number,
): JobProgress {
  const next = { ...ended(progress, 'succeeded', nowS), tokens };
  const text = `New fine-tuned model: ${spec.model}:${spec.adapter}`;
  return said(said(next, spec, nowS, text), spec, nowS, 'The job has been completed.');
}

export function failed(
  progress: JobProgress,
  spec: JobSpec,
  nowS: number,
  error: JobFailure,
): JobProgress {
  const next = { ...ended(progress, 'failed', nowS), error };
  return said(next, spec, nowS, `The job failed: ${error.message}`, { level: 'error' });
}

export function cancelled(progress: JobProgress, spec: JobSpec, nowS: number): JobProgress {
  return said(ended(progress, 'cancelled', nowS), spec, nowS, 'The job was cancelled.');
}

function ended(progress: JobProgress, status: JobProgress['status'], nowS: number): JobProgress {
  return { ...progress, status, finishedAt: nowS, estimatedFinish: null };
}

function said(
  progress: JobProgress,
  { id }: JobSpec,
  nowS: number,
  message: string,
  { level = 'info', data }: { readonly level?: Level; readonly data?: EventJson['data'] } = {},
): JobProgress {
  const { events } = progress;
  const event: EventJson = {
    ...{
      object: 'fine_tuning.job.event',
      id: `${id.replace('ftjob-', 'ftevent-')}-${events.length}`,
    },
    ...{ created_at: nowS, level, message, type: data === undefined ? 'message' : 'metrics' },
    data: data ?? {},
  };
  return { ...progress, events: [...events, event] };
}
