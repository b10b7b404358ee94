/** A key and its many clients at the same time, and what they were sent. */
import { KeyClient, NoAnswerError } from '../lib/key-client.ts';
import type { Answered } from '../lib/key-client.ts';
import { SeededRandom } from '../lib/seeded-random.ts';

const PROMPT = 'Once upon a time';
const MAX_TOKENS = 24;
/** Times a request is asked again while the key's places are taken, or a kill cut it off. */
const MAX_TRIES = 400;
/** As many clients that come back sooner would keep the server busy with refusals only. */
const RETRY_MS = { min: 200, max: 1800 } as const;
/** Refusals by what they say of the limit. */
const LIMIT_WORDS: readonly (readonly [string, RegExp])[] = [
  ['tokensPerDay', /in a day/],
  ['requestsPerMinute', /in a minute/],
  ['concurrency', /at a time/],
];

export class BudgetAccount {
  /** Tokens of whole answers, and of those that were cut off as far as they came. */
  sentTokens = 0;
  /** Tokens of whole answers only. */
  settledTokens = 0;
  /** Requests that were let in, those that were cut off later among them. */
  nServed = 0;
  readonly refusals: Record<string, number> = {};
  readonly wrong: string[] = [];
  readonly #client: KeyClient;
  readonly #model: string;
  readonly #random: SeededRandom;
  #isStopped = false;

  constructor(url: string, key: string, model: string, seed: number) {
    this.#client = new KeyClient(url, key);
    this.#model = model;
    this.#random = new SeededRandom(seed);
  }

  /** Lets no client ask again. */
  stop(): void {
    this.#isStopped = true;
  }

  /** Asks until there is an answer, or the day's tokens are used up. */
  async useUp(stream: boolean): Promise<void> {
    for (let i = 0; i < MAX_TRIES && !this.#isStopped; i++) {
      const answer = await this.#askOnce(stream);
      if (answer?.status === 200) return;
      if (answer?.status === 429 && limitOf(answer) === 'tokensPerDay') return;
      await this.#pause();
    }
  }

  /**
   * One client asks until the day's tokens are used up: many give up while requests that run have reserved more than
   * they use.
   */
  async finish(): Promise<void> {
    for (let i = 0; i < MAX_TRIES; i++) {
      const answer = await this.#askOnce(false);
      if (answer?.status === 429 && limitOf(answer) === 'tokensPerDay') return;
      if (answer?.status !== 200) await this.#pause();
    }
  }

  /** What the account counts, as the refusal of a request that is too much says. */
  async countedTokens(): Promise<number> {
    for (let i = 0; i < MAX_TRIES; i++) {
      const body = { model: this.#model, prompt: PROMPT, max_tokens: 512, n: 8 };
      const { status, text } = await this.#client.ask('/v1/completions', body);
      const [, used] = /has used or reserved ([\d.e+]+)/.exec(text) ?? [];
      if (status === 429 && used !== undefined) return Number(used);
      await this.#pause();
    }
    return 0;
  }

  /** Null where the connection broke. */
  async #askOnce(stream: boolean): Promise<Answered | null> {
    let nSent = 0;
    const onChunk = stream
      ? (text: string) => (nSent += text.split('data: {').length - 1)
      : undefined;
    const body = { prompt: PROMPT, max_tokens: MAX_TOKENS, ignore_eos: true, stream };
    const more = stream ? { stream_options: { include_usage: true } } : {};
    try {
      const answer = await this.#client.ask(
        ...['/v1/completions' as const, { model: this.#model, ...body, ...more }],
        ...['POST' as const, onChunk],
      );
      this.#note(answer, nSent);
      return answer;
    } catch (error) {
      if (!(error instanceof NoAnswerError)) throw error;
      this.sentTokens += nSent;
      if (nSent > 0) this.nServed++;
      return null;
    }
  }

  #note(answer: Answered, nSent: number): void {
    const { status, text, headers } = answer;
    if (status === 200) {
      const used = usedTokens(text);
      this.nServed++;
      this.sentTokens += used ?? nSent;
      this.settledTokens += used ?? 0;
      return;
    }
    const isRefusal = (status === 429 || status === 503) && headers.has('retry-after');
    if (!isRefusal) this.wrong.push(`answered ${status} ${text.slice(0, 200)}`);
    const limit = status === 429 ? limitOf(answer) : 'busy';
    this.refusals[limit] = (this.refusals[limit] ?? 0) + 1;
  }

  #pause(): Promise<void> {
    const ms = RETRY_MS.min + this.#random.next() * (RETRY_MS.max - RETRY_MS.min);
    return new Promise((resolve) => setTimeout(resolve, ms));
  }
}

function limitOf({ text }: Answered): string {
  return LIMIT_WORDS.find(([, words]) => words.test(text))?.[0] ?? 'other';
}

/** Null for an answer that did not come to its end. */
function usedTokens(text: string): number | null {
  const [, total] = /"total_tokens":\s*(\d+)/.exec(text) ?? [];
  return total === undefined ? null : Number(total);
}
