/**
 * A stored response: one object per response id. It runs the generation itself, so that whoever
 * knows the id can read how far it is, or cancel it. What was stored goes after `KEPT_DAYS`.
 */
import { errorFromRecord } from '../../../engine/base/errors.ts';
import { DurableObject } from 'cloudflare:workers';
import type { ServingEnv } from '../../serving/env.ts';
import { errorResponse, recordForClient } from '../../http/error-response.ts';
import { RequestRecord } from '../../http/observe/record.ts';
import type { InputItemJson } from './item-schema.ts';
import type { ResponseJson } from './schema.ts';
import { emptyResponse, type ResponseRun } from './shape.ts';
import { answerResponse, planResponse, runInBackground } from './run-response.ts';
import type { ResponseJob } from './run-response.ts';
import type { StoredResponseObject } from './env.ts';
import { checkStorable, StoredResponse } from './stored-response.ts';

const KEPT_DAYS = 30;
const DAY_MS = 24 * 60 * 60 * 1000;

export class ResponseObject extends DurableObject<ServingEnv> implements StoredResponseObject {
  readonly #stored = new StoredResponse(this.ctx.storage);
  #live: ResponseJson | null = null;
  #liveInput: readonly InputItemJson[] = [];
  #abort: AbortController | null = null;
  #isCancelled = false;
  #isRemoved = false;

  /** A job that was checked; answers as POST /v1/responses does. */
  override async fetch(request: Request): Promise<Response> {
    const job = await request.json<ResponseJob>();
    const record = new RequestRecord('POST', 'createResponse', job.caller);
    let response: Response;
    try {
      response = await this.#run(job, request.signal, record);
    } catch (error) {
      this.#live = null;
      const failure = errorFromRecord(recordForClient(error, record));
      record.fail(failure.code);
      response = errorResponse(failure, record);
    }
    record.headersSent(response.status);
    return response;
  }

  /** JSON of the response, or null. Text, since RPC's types lose the shape. */
  read(): string | null {
    const response = this.#current();
    return response === null ? null : JSON.stringify(response);
  }

  /** JSON of all that the response answers, the oldest first, or null. */
  readInput(): string | null {
    if (this.#live !== null) return JSON.stringify(this.#liveInput);
    return this.#stored.read() === null ? null : JSON.stringify(this.#stored.readInput());
  }

  /** Ends a response that is being made; of one that is done nothing changes. */
  async cancel(): Promise<string | null> {
    this.#isCancelled = true;
    this.#abort?.abort();
    const response = this.#current();
    if (response === null) return null;
    // What was made so far is added when the generation has noticed.
    if (this.#live !== null) this.#live = { ...this.#live, status: 'cancelled' };
    return JSON.stringify(this.#live ?? response);
  }

  async remove(): Promise<boolean> {
    const found = this.#current() !== null;
    this.#isRemoved = true;
    this.#isCancelled = true;
    this.#abort?.abort();
    this.#live = null;
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    return found;
  }

  override async alarm(): Promise<void> {
    await this.ctx.storage.deleteAll();
  }

  #current(): ResponseJson | null {
    if (this.#live !== null) return this.#live;
    const response = this.#stored.read();
    if (response === null || response.status !== 'in_progress') return response;
    // The object was put away while it worked.
    const error = {
      code: 'E_BACKEND_UNAVAILABLE',
      message: 'the server stopped while it answered',
    };
    return { ...response, status: 'failed', error };
  }

  async #run(job: ResponseJob, signal: AbortSignal, record: RequestRecord): Promise<Response> {
    checkStorable(job.input, job.body);
    this.#abort = new AbortController();
    this.#liveInput = job.input;
    const ended = AbortSignal.any([this.#abort.signal, ...(job.body.background ? [] : [signal])]);
    const plan = await planResponse(this.env, job, ended, record);
    const run: ResponseRun = {
      ...plan.run,
      isCancelled: () => this.#isCancelled,
      onChange: (response) => this.#keep(response, job.input),
    };
    if (!job.body.background) {
      const onEnd = (): void => {
        // A client that left: nothing is kept, as with sessions.
        this.#live = null;
      };
      return await answerResponse({ ...plan, run, onEnd });
    }
    const first = emptyResponse(run, 'in_progress');
    this.#keep(first, job.input, true);
    record.hold();
    this.ctx.waitUntil(runInBackground({ ...plan, run }).finally(() => record.end()));
    return Response.json(first);
  }

  /** Written when it is over, or at once when nobody waits for it. */
  #keep(response: ResponseJson, input: readonly InputItemJson[], atOnce = false): void {
    if (this.#isRemoved) return;
    const isOver = response.status !== 'in_progress';
    this.#live = isOver ? null : response;
    if (!isOver && !atOnce) return;
    this.#stored.write(response, input);
    void this.ctx.storage.setAlarm(Date.now() + KEPT_DAYS * DAY_MS);
  }
}
