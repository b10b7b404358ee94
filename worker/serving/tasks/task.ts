/** What a task is: a row of the table in index.ts, the same for the gateway and the command line. */
import type { z } from 'zod';
import { invalidField } from '../../platform/invalid-field.ts';
import { resourcesJson } from '../accounting/resources.ts';
import { timingsJson, usageJson } from '../accounting/usage.ts';
import { inTurns } from '../../../engine/base/turns.ts';
import { takeTurn } from '../../platform/turns.ts';
import { chunkSteps, type Span } from '../../../engine/text/chunk-text.ts';
import { MAX_CHUNKS, TASK_REASONS, type TaskFields, type TaskReason } from './fields.ts';
import { TaskModel, type TaskHost, type Written } from './task-model.ts';

export type TaskEvent =
  /** More of the text, in tasks that stream. */
  | { readonly type: 'delta'; readonly text: string }
  | { readonly type: 'done'; readonly answer: object };

export interface TaskRow<Body extends z.ZodObject, Answer extends z.ZodType = z.ZodType> {
  /** Also the last part of the task's path, and its command. */
  readonly name: string;
  readonly body: Body;
  readonly answer: Answer;
  /** Gives the task's own part of the answer; `runTask` adds `object`, model and usage. */
  run(model: TaskModel, body: z.output<Body>): AsyncGenerator<TaskEvent, void, void>;
}

/** A row whose `run` takes any body. */
export type Task = TaskRow<z.ZodObject>;

export function defineTask<Body extends z.ZodObject, Answer extends z.ZodType>(
  row: TaskRow<Body, Answer>,
): Task & { readonly body: Body; readonly answer: Answer } {
  // Sound because `run` is given what `body` made of a request.
  return row;
}

/** Defines a task whose answer comes in one piece. */
export function defineWholeTask<Body extends z.ZodObject, Answer extends z.ZodType>({
  run,
  ...row
}: Omit<TaskRow<Body, Answer>, 'run'> & {
  readonly run: (model: TaskModel, body: z.output<Body>) => Promise<object>;
}) {
  return defineTask<Body, Answer>({
    ...row,
    async *run(model, body) {
      yield { type: 'done', answer: await run(model, body) };
    },
  });
}

/** Runs a task; the last event holds the whole answer. @param body checked by the task's schema */
export async function* runTask(
  task: Task,
  host: TaskHost,
  body: TaskFields,
): AsyncGenerator<TaskEvent, void, void> {
  const model = new TaskModel(host, body);
  for await (const event of task.run(model, body)) {
    if (event.type === 'delta') yield event;
    else yield { type: 'done', answer: { ...frame(task, model), ...event.answer, ...end(model) } };
  }
}

function frame(task: Task, { host }: TaskModel): object {
  return { object: `task.${task.name}`, model: host.model.id };
}

function end(model: TaskModel): object {
  const { usage } = model;
  return {
    usage: usageJson(usage),
    timings: timingsJson(usage),
    resources: resourcesJson(model.host.model.manifest, model.usages),
  };
}

/** @throws {EngineError} E_REQUEST_INVALID when there are too many pieces */
export async function chunksOf(model: TaskModel, text: string, maxTokens: number): Promise<Span[]> {
  const chunks = await inTurns(chunkSteps(text, maxTokens, model.countSteps), takeTurn);
  refuseTooMany(chunks.length, maxTokens);
  return chunks;
}

/** @throws {EngineError} E_REQUEST_INVALID above MAX_CHUNKS */
export function refuseTooMany(nChunk: number, maxTokens: number, field = 'text'): void {
  if (nChunk <= MAX_CHUNKS) return;
  throw invalidField(
    field,
    `needs ${nChunk} pieces of at most ${maxTokens} tokens; expected at most ` +
      `${MAX_CHUNKS}. Send less text, or use a model with a longer context`,
    { details: { nChunk, maxChunks: MAX_CHUNKS } },
  );
}

/** Replaces spans of a text, and keeps the text around them. */
export function replaceSpans(text: string, spans: readonly Span[], by: readonly string[]): string {
  let at = 0;
  let out = '';
  spans.forEach(({ start, end: to }, i) => {
    out += text.slice(at, start) + (by[i] ?? '');
    at = to;
  });
  return out + text.slice(at);
}

export function worstReason(written: readonly Pick<Written, 'reason'>[]): TaskReason {
  const has = (wanted: TaskReason) => written.some(({ reason }) => reason === wanted);
  return TASK_REASONS.findLast(has) ?? 'stop';
}

/** An answer takes at most the context divided by this. */
const ANSWER_SHARE = 3;

/** Most tokens of an answer: `asked`, else `likely`; never more than a third of the context. */
export function answerTokens(model: TaskModel, asked: number | undefined, likely: number): number {
  return Math.max(1, Math.min(asked ?? likely, Math.floor(model.host.nCtx / ANSWER_SHARE)));
}
