/** Damages files in seeded ways, and watches what a reader does with them. */
import type { ByteSource } from '../../engine/formats/byte-source.ts';
import { EngineError } from '../../engine/base/errors.ts';
import { seededRandom } from './random.ts';

/** Counts what is asked of it; a read outside the file is an error of the reader. */
export class WatchedSource implements ByteSource {
  readonly name = 'hostile';
  readonly bytes: number;
  readBytes = 0;
  readonly #data: Uint8Array;

  constructor(data: Uint8Array) {
    this.#data = data;
    this.bytes = data.byteLength;
  }
  read(offset: number, length: number): Promise<Uint8Array> {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.bytes))
      throw new RangeError(`read of ${length} at ${offset} in a file of ${this.bytes}`);
    this.readBytes += length;
    return Promise.resolve(this.#data.slice(offset, offset + length));
  }
}

/** 'ok', or the code of the EngineError it ended in; any other error is thrown on. */
export async function outcome(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return 'ok';
  } catch (error) {
    if (error instanceof EngineError && error.code !== 'E_INTERNAL') return error.code;
    throw error;
  }
}

/** Every length in the first and last `edge` bytes, and every `step`-th between. */
export function* truncations(data: Uint8Array, edge: number, step: number): Generator<Uint8Array> {
  for (let length = 0; length < data.byteLength; length++) {
    const isEdge = length < edge || length > data.byteLength - edge;
    if (isEdge || length % step === 0) yield data.slice(0, length);
  }
}

/** `count` copies with one to four bits turned within the first `within` bytes. */
export function* bitFlips(
  data: Uint8Array,
  { count, within, seed }: { count: number; within: number; seed: number },
): Generator<Uint8Array> {
  const random = seededRandom(seed);
  for (let i = 0; i < count; i++) {
    const copy = data.slice();
    const flips = 1 + Math.floor(random() * 4);
    for (let flip = 0; flip < flips; flip++) {
      const at = Math.floor(random() * Math.min(within, copy.byteLength));
      copy[at] = copy[at]! ^ (1 << Math.floor(random() * 8));
    }
    yield copy;
  }
}

const EXTREMES = [2n ** 64n - 1n, 2n ** 63n, 2n ** 53n, 2n ** 32n - 1n, 2n ** 31n, 2n ** 20n, 0n];

/** Copies with an extreme 64-bit number written at every `step`-th byte of the first `within`. */
export function* extremes(data: Uint8Array, within: number, step: number): Generator<Uint8Array> {
  for (let at = 0; at + 8 <= Math.min(within, data.byteLength); at += step) {
    for (const value of EXTREMES) {
      const copy = data.slice();
      new DataView(copy.buffer).setBigUint64(at, value, true);
      yield copy;
    }
  }
}
