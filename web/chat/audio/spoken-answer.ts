/** An answer spoken while it is made: each sentence is sent to the server's voice when it is whole. */
import { postJson } from '../server.ts';
import { Player } from './player.ts';

/** Sample rate of /v1/audio/speech's bare samples, 16 bits each. */
const SAMPLE_RATE = 24_000;
/** Where a sentence ends. */
const SENTENCE_ENDS = ['. ', '! ', '? ', '\n'];
/** Quotation marks or emoji alone cannot be spoken. */
const SPEAKABLE = /[\p{L}\p{N}]/u;
/** A player that never reports its end must not hold up the page. */
const LONGEST_WAIT_MS = 60_000;

export class SpokenAnswer {
  readonly #signal: AbortSignal;
  /** Called with the seconds of sound that have been played or scheduled so far. */
  readonly #onSeconds: (seconds: number) => void;
  readonly #player = new Player();
  #text = '';
  #queue: Promise<void> = Promise.resolve();
  #seconds = 0;

  constructor(signal: AbortSignal, onSeconds: (seconds: number) => void) {
    this.#signal = signal;
    this.#onSeconds = onSeconds;
    signal.addEventListener('abort', () => void this.#player.close());
  }

  /** More of the answer. */
  add(more: string): void {
    this.#text += more;
    const end = Math.max(...SENTENCE_ENDS.map((mark) => this.#text.lastIndexOf(mark)));
    if (end < 0) return;
    this.#say(this.#text.slice(0, end + 1));
    this.#text = this.#text.slice(end + 1);
  }

  /** Speaks the rest; resolves when all of it has been heard. @throws what a request failed with */
  async finish(): Promise<void> {
    this.#say(this.#text);
    await this.#queue;
    const longestWait = new Promise((resolve) => setTimeout(resolve, LONGEST_WAIT_MS));
    await Promise.race([this.#player.ended, longestWait]);
    await this.#player.close();
  }

  #say(sentence: string): void {
    if (!SPEAKABLE.test(sentence)) return;
    // One request at a time: sound is made faster than it is heard.
    this.#queue = this.#queue.then(async () => {
      if (this.#signal.aborted) return;
      const body = { input: sentence, response_format: 'pcm' };
      await this.#play(await postJson('/v1/audio/speech', body, this.#signal));
    });
    // A failure is thrown by finish(), which waits for the queue.
    this.#queue.catch(() => {});
  }

  async #play(response: Response): Promise<void> {
    // A sentence that the voice cannot speak is left out: the next one may be spoken.
    if (!response.ok || response.body === null) return;
    let odd = new Uint8Array(0);
    for (const reader = response.body.getReader(); ;) {
      const { value, done } = await reader.read();
      if (done) return;
      const bytes = new Uint8Array(odd.length + value.length);
      bytes.set(odd);
      bytes.set(value, odd.length);
      const whole = bytes.length - (bytes.length % 2);
      odd = bytes.slice(whole);
      const pcm = new Int16Array(bytes.buffer.slice(0, whole));
      this.#seconds += pcm.length / SAMPLE_RATE;
      this.#onSeconds(this.#seconds);
      if (pcm.length > 0)
        this.#player.play(
          Float32Array.from(pcm, (sample) => sample / 32_768),
          SAMPLE_RATE,
        );
    }
  }
}
