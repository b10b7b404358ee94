/** Defines the endpoint of a task, which runs on the request's model and answers whole or streamed. */
import type { Caller } from '../../platform/caller.ts';
import type { Client } from '../../platform/client.ts';
import type { z } from 'zod';
import type { ServingEnv } from '../../serving/env.ts';
import { findModel } from '../../serving/models/model-store.ts';
import { defaultModelId } from '../../serving/models/model-names.ts';
import type { RequestRecord } from '../../http/observe/record.ts';
import { GENERATED_HEADERS, markGenerated } from '../../http/generated.ts';
import { OPENAI_SSE, sseResponse } from '../../http/sse.ts';
import { withHeaders } from '../../http/with-headers.ts';
import { generateEvents, stageStatus } from '../../serving/clients/stage-client.ts';
import { redactedHeaders, redactorFor } from '../../serving/redaction/redact-request.ts';
import { redactFields, restoreTask } from '../../serving/redaction/redact-task.ts';
import type { TaskFields } from '../../serving/tasks/fields.ts';
import { checkFields, guardTask } from '../../serving/policy/check-task.ts';
import { runTask, type Task, type TaskEvent } from '../../serving/tasks/task.ts';
import type { TaskHost } from '../../serving/tasks/task-model.ts';
import { defineEndpoint, type Endpoint, type Example } from '../../http/endpoint.ts';

export interface TaskEndpointRow {
  readonly task: Task;
  /** By default `/v1/tasks/` and the task's name. */
  readonly path?: string;
  readonly summary: string;
  readonly description: string;
  readonly examples: readonly Example[];
  /** Schema of the events, if the task can be streamed. */
  readonly event?: z.ZodType;
  /** Answers requests with an `image` in place of a text. */
  readonly ofPicture?: (asked: PictureRequest) => Promise<object>;
}

/** A request of a task on a picture, its fields checked by the task's schema. */
export interface PictureRequest {
  readonly env: ServingEnv;
  readonly caller: Caller;
  readonly fields: TaskFields;
  readonly record: RequestRecord;
  readonly signal: AbortSignal;
}

type Body = TaskFields & {
  readonly image?: string;
  readonly stream?: boolean;
  readonly passages?: readonly string[];
};

export function defineTaskEndpoint(row: TaskEndpointRow): Endpoint {
  const { task, summary, description, examples, event, path, ofPicture } = row;
  return defineEndpoint({
    name: `${task.name}Task`,
    method: 'POST',
    path: path ?? `/v1/tasks/${task.name}`,
    tag: 'tasks',
    scope: 'chat',
    ...{ summary, description, examples, takesPictures: ofPicture !== undefined },
    body: task.body,
    responses: [
      {
        ...{ status: 200, what: 'the result', schema: task.answer },
        ...(event === undefined ? {} : { event }),
      },
    ],
    async handle({ env, caller, body, record, client }) {
      const redactor = redactorFor((body as Body).redact);
      const redacted = await redactFields(redactor, body as Body);
      const headers = redactedHeaders(redactor);
      const fields = await checkFields(env, caller, redacted);
      if (ofPicture !== undefined && fields.image !== undefined) {
        const made = await ofPicture({ env, caller, fields, record, signal: client.signal });
        return markGenerated(Response.json(made, { headers }));
      }
      // A client that leaves cancels the response's stream; this also aborts what waits upstream.
      const abort = new AbortController();
      const signal = AbortSignal.any([client.signal, abort.signal]);
      // Streamed answers have their own way to notice a client that leaves.
      const accept = (): void => {
        if (fields.stream !== true)
          client.accept?.({ headers: { ...GENERATED_HEADERS, ...headers } });
      };
      const host = await gatewayHost(env, caller, fields, record, { signal, accept });
      const made = guardTask(env, caller, runTask(task, host, fields));
      const events = restoreTask(redactor, made, fields.passages ?? []);
      const end = (): void => abort.abort();
      if (fields.stream === true)
        return withHeaders(
          markGenerated(await sseResponse(sseChunks(events), OPENAI_SSE, record, end)),
          headers,
        );
      try {
        return markGenerated(Response.json(await lastAnswer(events), { headers }));
      } finally {
        end();
      }
    },
  });
}

async function gatewayHost(
  env: ServingEnv,
  caller: Caller,
  fields: TaskFields,
  record: RequestRecord,
  { signal, accept }: Client,
): Promise<TaskHost> {
  const model = await findModel(env.MODELS, fields.model ?? (await defaultModelId(env)), caller);
  record.modelId = model.id;
  const { nCtx } = await stageStatus(env, caller, model);
  return {
    ...{ model, nCtx, signal },
    async *run(request, ended, promptField) {
      for await (const event of generateEvents(env, caller, model, request, ended, {
        promptField,
      })) {
        accept?.();
        yield event;
      }
    },
    onUsage: (usage) => record.addUsage(model.id, usage),
  };
}

async function* sseChunks(events: AsyncIterable<TaskEvent>): AsyncGenerator<unknown, void, void> {
  for await (const event of events) {
    if (event.type === 'delta') yield { object: 'task.delta', delta: event.text };
    else yield event.answer;
  }
}

async function lastAnswer(events: AsyncIterable<TaskEvent>): Promise<object> {
  let answer = {};
  for await (const event of events) if (event.type === 'done') ({ answer } = event);
  return answer;
}
