/**
 * Accounts under many requests at the same time, and kills: what clients were sent never exceeds the limit by more than
 * one request in flight a slot, and what was used is never forgotten.
 */
import type { OwnServer } from '../dev/own-server.ts';
import { KeyClient, NoAnswerError } from '../lib/key-client.ts';
import type { Answered } from '../lib/key-client.ts';
import { createKey } from '../push/keys.ts';
import { SCOPES } from '../../worker/platform/caller.ts';
import { SeededRandom } from '../lib/seeded-random.ts';

export interface BudgetOptions {
  /** Each with a key of its own. */
  readonly kills: number;
  readonly requests: number;
  readonly seed: number;
  readonly textModel: string;
  readonly onLine?: (line: string) => void;
}

export interface BudgetResult {
  readonly kills: number;
  readonly requests: number;
  /** Tokens of answers over the limit, at most. */
  readonly overspentTokens: number;
  /** One request in flight a slot. */
  readonly allowedTokens: number;
  /** Tokens that accounts count above what clients were sent: of requests that the kills cut off. */
  readonly heldTokens: number;
  readonly problems: readonly string[];
}

const SLOTS = 8;
const PROMPT = 'Once upon a time';
const MAX_TOKENS = 24;
/** More than any request is reserved for: its body, a template, and its answer. */
const REQUEST_TOKENS = 200;
const LIMIT_TOKENS = 4000;
/** Times a request is asked again while the key's places are taken, or a kill cut it off. */
const MAX_TRIES = 400;
const RETRY_MS = 100;
const MAX_DELAY_MS = 1500;

export async function runBudgets(
  server: OwnServer,
  { kills, requests, seed, textModel, onLine = () => undefined }: BudgetOptions,
): Promise<BudgetResult> {
  const random = new SeededRandom(seed);
  const problems: string[] = [];
  let overspentTokens = -LIMIT_TOKENS;
  let heldTokens = 0;
  for (let i = 1; i <= kills; i++) {
    const account = new Account(server.url, await makeKey(server), textModel);
    const asked = Promise.all(
      Array.from({ length: requests }, (_, n) => account.useUp(n % 2 === 0)),
    );
    await new Promise((resolve) => setTimeout(resolve, random.next() * MAX_DELAY_MS));
    await server.kill();
    await server.waitUntilUp();
    await asked;
    const counted = await account.countedTokens();
    const { sentTokens, wrong } = account;
    overspentTokens = Math.max(overspentTokens, sentTokens - LIMIT_TOKENS);
    heldTokens = Math.max(heldTokens, counted - sentTokens);
    if (sentTokens > LIMIT_TOKENS + SLOTS * REQUEST_TOKENS)
      problems.push(`account ${i}: ${sentTokens} tokens were sent, of ${LIMIT_TOKENS}`);
    if (counted < account.settledTokens)
      problems.push(`account ${i}: ${account.settledTokens} were used, and ${counted} are counted`);
    problems.push(...wrong);
    onLine(`budget ${i} of ${kills}: ${sentTokens} sent, ${counted} counted of ${LIMIT_TOKENS}`);
  }
  const allowedTokens = SLOTS * REQUEST_TOKENS;
  return { kills, requests, overspentTokens, allowedTokens, heldTokens, problems };
}

async function makeKey(server: OwnServer): Promise<string> {
  const bucket = await server.openBucket();
  try {
    const limits = { requestsPerMinute: null, tokensPerMinute: null, usdPerDay: null };
    const { key } = await createKey(bucket, {
      ...{ name: 'budget', scopes: SCOPES, models: null, expiresAt: null },
      limits: { ...limits, concurrency: SLOTS, tokensPerDay: LIMIT_TOKENS },
    });
    return key;
  } finally {
    await bucket.close();
  }
}

class Account {
  /** Tokens of whole answers, and of those that were cut off as far as they came. */
  sentTokens = 0;
  /** Tokens of whole answers only. */
  settledTokens = 0;
  readonly wrong: string[] = [];
  readonly #client: KeyClient;
  readonly #model: string;

  constructor(url: string, key: string, model: string) {
    this.#client = new KeyClient(url, key);
    this.#model = model;
  }

  /** Asks until there is an answer, or the day's tokens are used up. */
  async useUp(stream: boolean): Promise<void> {
    for (let i = 0; i < MAX_TRIES; i++) {
      const answer = await this.#askOnce(stream);
      if (answer?.status === 200) return;
      if (answer?.status === 429 && isDayOver(answer)) return;
      if (answer !== null && answer.status !== 429 && answer.status !== 503)
        this.wrong.push(`answered ${answer.status} ${answer.text.slice(0, 200)}`);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  /** What the account counts, as the refusal of a request that is too much says. */
  async countedTokens(): Promise<number> {
    for (let i = 0; i < MAX_TRIES; i++) {
      const body = { model: this.#model, prompt: PROMPT, max_tokens: 512, n: 8 };
      const { status, text } = await this.#client.ask('/v1/completions', body);
      const [, used] = /has used or reserved ([\d.e+]+)/.exec(text) ?? [];
      if (status === 429 && used !== undefined) return Number(used);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
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
      const used = answer.status === 200 ? usedTokens(answer.text) : 0;
      this.sentTokens += used ?? nSent;
      this.settledTokens += used ?? 0;
      return answer;
    } catch (error) {
      if (!(error instanceof NoAnswerError)) throw error;
      this.sentTokens += nSent;
      return null;
    }
  }
}

function isDayOver({ text }: Answered): boolean {
  return text.includes('in a day');
}

/** Null for an answer that did not come to its end. */
function usedTokens(text: string): number | null {
  const [, total] = /"total_tokens":\s*(\d+)/.exec(text) ?? [];
  return total === undefined ? null : Number(total);
}
