/**
 * A stored response: one object per response id. It runs the generation itself, so that whoever
 * knows the id can read its progress or cancel it. It is deleted after `KEPT_DAYS`.
 */
import { PortableObject } from '../../platform/storage/portable-object.ts';
import { Keeper } from '../../access/content/keeper.ts';
import { DAY_MS, keptMs } from '../../access/content/retention.ts';
import { failedResponse } from '../../http/error-response.ts';
import { RequestRecord } from '../../http/observe/record.ts';
import { markGenerated } from '../../http/generated.ts';
import { sseResponse } from '../../http/sse.ts';
import type { Caller } from '../../platform/caller.ts';
import { settleAtEnd } from '../../http/usage.ts';
import type { InputItemJson } from './item-schema.ts';
import type { ResponseJson } from './schema.ts';
import type { Redactor } from '../../serving/redaction/redactor.ts';
import { hideResponse } from './redact-items.ts';
import type { VectorStoresEnv } from '../vector-stores/env.ts';
import { keepTurn } from './conversation-turns.ts';
import { EventLog, readEvents, writeEvents } from './event-log.ts';
import { readEventsRequest } from './events-request.ts';
import { emptyResponse, responseError, type ResponseRun, RESPONSES_SSE } from './shape.ts';
import { answerResponse, planResponse, runInBackground } from './run-response.ts';
import type { ResponseJob } from './run-response.ts';
import type { StoredResponseObject } from './env.ts';
import { checkStorable, StoredResponse } from './stored-response.ts';

/** A record of its own: who reads events may leave, and the generation goes on. */
async function sendEvents(log: EventLog, after: number, caller: Caller): Promise<Response> {
  const record = new RequestRecord('GET', 'getResponse', caller);
  const nothing = (): void => {};
  // Comments are sent until the first event: the generation may wait for its turn.
  return markGenerated(
    await sseResponse(log.follow(after), RESPONSES_SSE, record, nothing, Promise.resolve()),
  );
}

/** At most; RETENTION_DAYS may say less. */
const KEPT_DAYS = 30;

export class ResponseObject
  extends PortableObject<VectorStoresEnv>
  implements StoredResponseObject
{
  readonly #keeper = new Keeper(this.ctx.storage, this.env, 'response');
  readonly #stored = new StoredResponse(this.ctx.storage);
  #live: ResponseJson | null = null;
  #liveInput: readonly InputItemJson[] = [];
  #abort: AbortController | null = null;
  #isCancelled = false;
  #isRemoved = false;
  /** Of a streamed response in the background that is being made. */
  #log: EventLog | null = null;

  /** Runs a checked job; answers like POST /v1/responses. */
  override async fetch(request: Request): Promise<Response> {
    if (request.method === 'GET') return await this.#stream(request);
    const job = await request.json<ResponseJob>();
    const record = new RequestRecord('POST', 'createResponse', job.caller);
    settleAtEnd(record, this.env, job.caller, (promise) => this.ctx.waitUntil(promise));
    let response: Response;
    try {
      response = await this.#run(job, request.signal, record);
    } catch (error) {
      this.#live = null;
      response = failedResponse(error, record);
    }
    record.headersSent(response.status);
    return response;
  }

  /** @returns JSON of the response; null when there is none */
  async read(): Promise<string | null> {
    const response = await this.#current();
    return response === null ? null : JSON.stringify(response);
  }

  /** @returns JSON of the whole input of the response, the oldest item first; null when there is none */
  async readInput(): Promise<string | null> {
    if (this.#live !== null) return JSON.stringify(this.#liveInput);
    const box = await this.#keeper.find();
    if ((await this.#stored.read(box)) === null) return null;
    return JSON.stringify(await this.#stored.readInput(box));
  }

  async readRedactions(): Promise<string> {
    return JSON.stringify(await this.#stored.readRedactions(await this.#keeper.find()));
  }

  /** Cancels a response in progress; a finished one does not change. */
  async cancel(): Promise<string | null> {
    this.#isCancelled = true;
    this.#abort?.abort();
    const response = await this.#current();
    if (response === null) return null;
    // The output so far is added once the generation has ended.
    if (this.#live?.status === 'in_progress') this.#live = { ...this.#live, status: 'cancelled' };
    return JSON.stringify(this.#live ?? response);
  }

  async remove(): Promise<boolean> {
    const found = (await this.#current()) !== null;
    this.#isRemoved = true;
    this.#isCancelled = true;
    this.#abort?.abort();
    this.#live = null;
    await this.#keeper.end();
    return found;
  }

  override async alarm(): Promise<void> {
    await this.#keeper.end();
  }

  async #current(): Promise<ResponseJson | null> {
    if (this.#live !== null) return this.#live;
    const response = await this.#stored.read(await this.#keeper.find());
    if (response === null || response.status !== 'in_progress') return response;
    // The object was evicted while it worked.
    const error = responseError({
      code: 'E_BACKEND_UNAVAILABLE',
      message: 'the server was stopped while it answered',
    });
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
      onChange: async (response) =>
        await this.#keep(job, await hideResponse(plan.redactor, response), plan.redactor),
    };
    if (!job.body.background) {
      const onEnd = (): void => {
        // The client has left: nothing is kept, as with sessions.
        this.#live = null;
      };
      return await answerResponse({ ...plan, run, onEnd });
    }
    const first = emptyResponse(run, 'in_progress');
    await this.#keep(job, first, plan.redactor, true);
    record.hold();
    const log = job.body.stream ? new EventLog() : null;
    this.#log = log;
    const logged = log === null ? run : { ...run, onEvent: log.push.bind(log) };
    const running = runInBackground({ ...plan, run: logged }).finally(async () => {
      record.end();
      if (log !== null) await this.#endLog(job, log);
    });
    this.ctx.waitUntil(running);
    return log === null ? Response.json(first) : await sendEvents(log, -1, job.caller);
  }

  /** Events after a number: as they come, or as they were. */
  async #stream(request: Request): Promise<Response> {
    const { caller, after } = readEventsRequest(request);
    if (this.#log !== null) return await sendEvents(this.#log, after, caller);
    const stored = await readEvents(this.ctx.storage, await this.#keeper.find());
    if (stored === null) return new Response(null, { status: 404 });
    return await sendEvents(new EventLog(stored), after, caller);
  }

  /** A response that failed before its first token has no event that says so, yet. */
  async #endLog(job: ResponseJob, log: EventLog): Promise<void> {
    const response = await this.#current();
    const last = log.events.at(-1);
    const isOver =
      last !== undefined && 'response' in last && last.response.status !== 'in_progress';
    if (!isOver && response !== null) {
      const type = response.status === 'failed' ? 'response.failed' : 'response.incomplete';
      log.push({ type, response, sequence_number: log.events.length });
    }
    log.end();
    if (!this.#isRemoved) {
      const box = await this.#keeper.begin(job.caller, job.id);
      await writeEvents(this.ctx.storage, box, log.events, () => !this.#isRemoved);
    }
    this.#log = null;
  }

  /** Stores the response when it is finished, or at once when nobody waits for it. */
  async #keep(
    job: ResponseJob,
    response: ResponseJson,
    redactor: Redactor | null,
    atOnce = false,
  ): Promise<void> {
    if (this.#isRemoved) return;
    const isOver = response.status !== 'in_progress';
    // The last state is read from here until it is stored.
    this.#live = isOver || !this.#isCancelled ? response : { ...response, status: 'cancelled' };
    if (!isOver && !atOnce) return;
    const { caller, id, input } = job;
    const box = await this.#keeper.begin(caller, id);
    const redactions = redactor?.redactions ?? [];
    if (isOver) await keepTurn(this.env, job, response);
    await this.#stored.write(box, response, input, redactions, () => !this.#isRemoved);
    if (isOver) this.#live = null;
    if (this.#isRemoved) await this.#keeper.end();
    else
      await this.ctx.storage.setAlarm(
        Date.now() + Math.min(KEPT_DAYS * DAY_MS, keptMs(this.env, null)),
      );
  }
}
