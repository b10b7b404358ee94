/**
 * Streaming detokenizer: token ids in, text out, never half a character. Bytes of an unfinished
 * UTF-8 sequence wait for the next token; what can never become a character is U+FFFD.
 */

/** The part of a tokenizer that is needed here. */
export interface TokenBytes {
  readonly addsSpacePrefix: boolean;
  tokenBytes(id: number): Uint8Array;
  isSpecial(id: number): boolean;
}

export interface DetokenizerOptions {
  /** The first token begins a text: a SentencePiece vocabulary's added space is dropped. */
  readonly atTextStart: boolean;
  /** Show special tokens as their literals; else they are dropped. */
  readonly special: boolean;
}

const SPACE = 0x20;

export class Detokenizer {
  readonly #tokens: TokenBytes;
  readonly #showSpecial: boolean;
  readonly #decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });
  #dropSpace: boolean;

  constructor(tokens: TokenBytes, options: DetokenizerOptions) {
    this.#tokens = tokens;
    this.#showSpecial = options.special;
    this.#dropSpace = options.atTextStart && tokens.addsSpacePrefix;
  }

  /** The text that became certain with this token; often one word, sometimes ''. */
  push(id: number): string {
    const isSpecial = this.#tokens.isSpecial(id);
    if (isSpecial && !this.#showSpecial) return '';
    let bytes = this.#tokens.tokenBytes(id);
    if (this.#dropSpace && !isSpecial && bytes.length > 0) {
      if (bytes[0] === SPACE) bytes = bytes.subarray(1);
      this.#dropSpace = false;
    }
    return this.#decoder.decode(bytes, { stream: true });
  }

  /** The end: an unfinished character, if any, as U+FFFD. */
  flush(): string {
    return this.#decoder.decode();
  }
}
