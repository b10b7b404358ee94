/** A client that writes, remembers what was acknowledged, and looks afterwards whether it is there. */
import type { Answered, KeyClient } from '../lib/key-client.ts';
import type { SeededRandom } from '../lib/seeded-random.ts';

/** What writers share. */
export interface WriterContext {
  readonly client: KeyClient;
  readonly random: SeededRandom;
  /** Number of the writer among those of its kind. */
  readonly number: number;
  /** Models to ask. */
  readonly textModel: string;
  readonly encoder: string | null;
}

export interface Writer {
  readonly name: string;
  /** Writes that were acknowledged so far. */
  readonly nAcknowledged: number;
  /** Makes one write. @throws {NoAnswerError} when the runtime died meanwhile; then it may have been made */
  write(): Promise<void>;
  /**
   * Compares what is there with what was acknowledged.
   * @param all everything, instead of what was written since the last check
   * @returns what is wrong, in words
   */
  check(all: boolean): Promise<string[]>;
}

/** An answer that a client may get at any time: it says that nothing was done. */
export function isRefusal({ status }: Answered): boolean {
  return status === 429 || status === 503;
}

/** Whether a write was made. @throws when the answer is neither success nor a refusal */
export function wasMade(answer: Answered, what: string): boolean {
  if (answer.status === 200) return true;
  if (isRefusal(answer)) return false;
  throw new Error(`${what}: answered ${answer.status} ${answer.text.slice(0, 300)}`);
}

/** Calls `read` until it is answered: a runtime that has just come back may refuse for a moment. */
export async function readSurely(
  client: KeyClient,
  path: string,
  body?: object,
): Promise<Answered> {
  for (let i = 0; ; i++) {
    const answer = await client.ask(path, body).catch((error: unknown) => {
      if (i >= MAX_READS) throw error;
      return null;
    });
    if (answer !== null && (!isRefusal(answer) || i >= MAX_READS)) return answer;
    await new Promise((resolve) => setTimeout(resolve, READ_PAUSE_MS));
  }
}
const MAX_READS = 50;
const READ_PAUSE_MS = 200;
