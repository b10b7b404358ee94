/** Plays samples: chunks one after the other, as they come. */

/** Ahead of the clock, so that the first chunk is scheduled before it is due. */
const LEAD_SECONDS = 0.05;

export class Player {
  readonly #context = new AudioContext();
  #nextAt = 0;
  #ended: Promise<unknown> = Promise.resolve();

  /** Resolves when what was given so far has been heard. */
  get ended(): Promise<unknown> {
    return this.#ended;
  }

  play(samples: Float32Array<ArrayBuffer>, sampleRate: number): void {
    const buffer = this.#context.createBuffer(1, samples.length, sampleRate);
    buffer.copyToChannel(samples, 0);
    const source = new AudioBufferSourceNode(this.#context, { buffer });
    source.connect(this.#context.destination);
    const at = Math.max(this.#context.currentTime + LEAD_SECONDS, this.#nextAt);
    this.#nextAt = at + buffer.duration;
    this.#ended = new Promise((resolve) => source.addEventListener('ended', resolve));
    source.start(at);
  }

  async close(): Promise<void> {
    if (this.#context.state !== 'closed') await this.#context.close();
  }
}
