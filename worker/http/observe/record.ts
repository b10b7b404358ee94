/**
 * The record of one request: counted in the metrics and written as one line of JSON to the log
 * when it ends. Never holds a prompt or an answer.
 */
import { NO_REQUEST } from '../../platform/failure.ts';
import type { CallContext, Place } from '../../platform/failure.ts';
import { NO_USAGE } from '../../../engine/generate/types.ts';
import type { GenerateUsage } from '../../../engine/generate/types.ts';
import { addUsage } from '../../serving/accounting/usage.ts';
import { countEnd, countHandOver, countStart, countTokens } from './metrics.ts';

/** How a request ended, for whoever counts what it used. */
export interface RequestEnd {
  readonly status: number;
  readonly usage: GenerateUsage;
  /** Generations that ended by themselves. */
  readonly nGeneration: number;
  /** Whether a generation was cut off, whose usage is not known. */
  readonly isCutOff: boolean;
  readonly ms: number;
}

export class RequestRecord implements Place {
  readonly place: string;
  readonly requestId: string;
  /** Id of the model that answers, once it is known. */
  modelId: string | null = null;
  /** HTTP status of the response. */
  status = 200;
  #errorCode: string | null = null;
  #usage: GenerateUsage = NO_USAGE;
  #nGeneration = 0;
  #isCutOff = false;
  #onEnd: ((end: RequestEnd) => void) | null = null;
  #isHeld = false;
  #isEnded = false;
  readonly #startedAtMs = Date.now();
  readonly #method: string;
  readonly #endpoint: string;

  constructor(method: string, endpoint: string, { requestId }: CallContext = NO_REQUEST) {
    this.place = `gateway.${endpoint}`;
    this.requestId = requestId;
    this.#method = method;
    this.#endpoint = endpoint;
    countStart();
  }

  /** Adds the usage of a generation that has ended. */
  addUsage(modelId: string, usage: GenerateUsage): void {
    this.modelId = modelId;
    this.#usage = addUsage(this.#usage, usage);
    this.#nGeneration++;
    countTokens(modelId, usage);
  }

  /** A generation began and does not say what it used. */
  cutOff(): void {
    this.#isCutOff = true;
  }

  /** @param onEnd called once, when the request has ended here and was not handed over */
  whenEnded(onEnd: (end: RequestEnd) => void): void {
    this.#onEnd = onEnd;
  }

  fail(errorCode: string): void {
    this.#errorCode = errorCode;
  }

  /** The response continues after its headers; the caller of `hold` will call `end`. */
  hold(): void {
    this.#isHeld = true;
  }

  /** A Durable Object answers and keeps its own record: this one is not counted. */
  handOver(): void {
    this.#isEnded = true;
    countHandOver();
  }

  /** Notes that the headers have been sent. */
  headersSent(status: number): void {
    this.status = status;
    if (!this.#isHeld) this.end();
  }

  /** Ends the record; further calls do nothing. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const ms = Date.now() - this.#startedAtMs;
    countEnd(this.#endpoint, this.status, ms);
    const { promptTokens, cachedTokens, completionTokens, draftedTokens, queueMs } = this.#usage;
    const line = {
      event: 'request',
      request_id: this.requestId,
      method: this.#method,
      endpoint: this.#endpoint,
      status: this.status,
      error: this.#errorCode,
      model: this.modelId,
      prompt_tokens: promptTokens,
      cached_tokens: cachedTokens,
      completion_tokens: completionTokens,
      drafted_tokens: draftedTokens,
      queue_ms: queueMs,
      ms,
    };
    console.log(JSON.stringify(line));
    this.#onEnd?.({
      status: this.status,
      usage: this.#usage,
      nGeneration: this.#nGeneration,
      isCutOff: this.#isCutOff,
      ms,
    });
  }
}
