/** Lines of a stored file with their byte offsets, so that reading can continue where it ended. */

/** A line of a file; `bytes` is null when it is longer than allowed. */
export interface FileLine {
  /** Counted from 1, blank lines included. */
  readonly number: number;
  readonly bytes: Uint8Array | null;
  /** Byte offset of the next line in the file. */
  readonly endOffset: number;
}

export interface LineStart {
  readonly offset: number;
  /** Number of the line that begins at `offset`. */
  readonly number: number;
}

const LINE_FEED = 10;
/** JSON's whitespace. */
const BLANKS: ReadonlySet<number> = new Set([9, 10, 13, 32]);

/** Lines that are not blank. Ending the iteration early ends the stream. */
export async function* readLines(
  stream: ReadableStream<Uint8Array>,
  start: LineStart,
  maxLineBytes: number,
): AsyncGenerator<FileLine, void, void> {
  const line = new LineBuffer(maxLineBytes);
  let { offset, number } = start;
  for await (const chunk of stream) {
    for (let from = 0; from < chunk.length;) {
      const at = chunk.indexOf(LINE_FEED, from);
      const to = at < 0 ? chunk.length : at;
      line.add(chunk.subarray(from, to));
      offset += to - from;
      from = to;
      if (at < 0) continue;
      offset++;
      from++;
      if (!line.isBlank) yield { number, bytes: line.take(), endOffset: offset };
      line.clear();
      number++;
    }
  }
  if (!line.isBlank) yield { number, bytes: line.take(), endOffset: offset };
}

class LineBuffer {
  isBlank = true;
  #pieces: Uint8Array[] = [];
  #nBytes = 0;
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(piece: Uint8Array): void {
    this.#nBytes += piece.length;
    this.isBlank &&= piece.every((byte) => BLANKS.has(byte));
    if (this.#nBytes > this.#maxBytes) this.#pieces = [];
    else if (piece.length > 0) this.#pieces.push(piece);
  }

  take(): Uint8Array | null {
    if (this.#nBytes > this.#maxBytes) return null;
    const bytes = new Uint8Array(this.#nBytes);
    let at = 0;
    for (const piece of this.#pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }

  clear(): void {
    this.isBlank = true;
    this.#pieces = [];
    this.#nBytes = 0;
  }
}
