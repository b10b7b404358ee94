/**
 * A decoder whose pass takes turns of the event loop, one after the embedding and one after each
 * layer, as when layers are elsewhere: whoever touches it meanwhile is caught or changes the text.
 */
import { setImmediate } from 'node:timers/promises';
import { keyOf } from '../../engine/model/decoder/contract.ts';
import type {
  BatchPart,
  DecoderBackend,
  VisitLogits,
} from '../../engine/model/decoder/contract.ts';
import { placeOf } from '../../engine/model/decoder/decoder.ts';
import type { Decoder } from '../../engine/model/decoder/decoder.ts';

export class LayeredDecoder implements DecoderBackend {
  /** Of passes: how many began, and called after the embedding and after each layer. */
  readonly passes = { n: 0, between: (): void => undefined };
  readonly #decoder: Decoder;
  #running = false;

  constructor(decoder: Decoder) {
    this.#decoder = decoder;
  }

  get config() {
    return this.#decoder.config;
  }

  get limits() {
    return this.#decoder.limits;
  }

  get isRunning(): boolean {
    return this.#running;
  }

  async forward(parts: readonly BatchPart[], visit?: VisitLogits): Promise<void> {
    this.#mustRest('forward');
    this.#running = true;
    this.passes.n++;
    try {
      const before = snapshot(parts);
      const places = parts.map(placeOf);
      this.#decoder.embed(parts);
      for (let layer = 0; layer < this.config.nLayer; layer++) {
        await setImmediate();
        this.passes.between();
        this.#decoder.layers(places, layer, layer + 1);
      }
      await setImmediate();
      if (snapshot(parts) !== before) throw new Error('sequences were changed during a pass');
      for (const { sequence, inputs } of parts) sequence.items.push(...inputs.map(keyOf));
      this.#decoder.head(places, visit);
    } finally {
      this.#running = false;
    }
  }

  logits(row: number): Float32Array {
    return this.#decoder.logits(row);
  }

  argmax(row: number): number {
    return this.#decoder.argmax(row);
  }

  sumExp(row: number, top: number): number {
    return this.#decoder.sumExp(row, top);
  }

  copyPage(from: number, to: number): void {
    this.#mustRest('copyPage');
    this.#decoder.copyPage(from, to);
  }

  #mustRest(call: string): void {
    if (this.#running) throw new Error(`${call} during a pass`);
  }
}

function snapshot(parts: readonly BatchPart[]): string {
  return JSON.stringify(parts.map(({ sequence }) => [sequence.items, sequence.pages]));
}
