/** What `thimble/engine` gives: a text model in this process. */

/** Where the files of an imported model come from; `fromFolder`, `fromUrl` and `fromBucket` make one. */
export interface ModelFiles {
  /** A small file as text: the manifest (null), or one that the manifest names. */
  readText(file: ModelFileName | null): Promise<string>;
  /** Fills `into` with a whole file, which is exactly as long. */
  readInto(file: ModelFileName, into: Uint8Array): Promise<void>;
}

/** A file of a model, as its manifest names it. */
export interface ModelFileName {
  readonly file: string;
  /** SHA-256 in hexadecimal. */
  readonly sha256: string;
}

/** What is read of an R2 bucket; anything with such a `get` will do. */
export interface BucketLike {
  get(key: string, options?: { range: { offset: number } }): Promise<BucketObject | null>;
}

export interface BucketObject {
  readonly body: ReadableStream<Uint8Array>;
}

export interface LoadOptions {
  /** Most positions of a conversation, prompt and answer together; what fits the budget by default. */
  readonly contextTokens?: number;
  /** Bytes of WebAssembly memory and heap together that must do; null (default): no limit. */
  readonly memoryBudgetBytes?: number | null;
  /** By default those of this package are read and compiled. */
  readonly kernels?: Kernels;
}

/** The kernels, for a host that compiles WebAssembly itself: a Worker imports `thimble/kernels/simd.wasm` and `relaxed.wasm`. */
export interface Kernels {
  /** Null where the host does not know relaxed SIMD: the other build runs, at lower speed. */
  readonly relaxed: WebAssembly.Module | null;
  readonly simd: WebAssembly.Module;
}

export interface Message {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

export interface TextOptions {
  /** Default: what the context leaves. */
  readonly maxTokens?: number;
  /** 0 is greedy; default 0. */
  readonly temperature?: number;
  /** 1 keeps all tokens; default 1. */
  readonly topP?: number;
  /** The same seed, prompt and options give the same text; default 0. */
  readonly seed?: number;
  /** Texts that end the answer; they are not part of it. */
  readonly stop?: readonly string[];
  readonly signal?: AbortSignal;
}

/** Why a text ended: the model or a stop text ended it, or `maxTokens` or the context did. */
export type FinishReason = 'stop' | 'length';

export interface TextResult {
  readonly text: string;
  readonly finishReason: FinishReason;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** Pieces of a text as they are generated; it returns the whole. Leaving the loop ends the generation. */
export type TextStream = AsyncGenerator<string, TextResult, void>;

export interface TextModel {
  readonly id: string;
  /** Positions of a conversation, prompt and answer together. */
  readonly contextTokens: number;
  /** Whether it has a chat template: without one `chat` joins the messages. */
  readonly hasChatTemplate: boolean;
  /** Continues a text. @throws an error with a `code`, such as E_PROMPT_TOO_LONG (docs/errors.md) */
  generate(prompt: string, options?: TextOptions): TextStream;
  /** Answers a conversation. */
  chat(messages: readonly Message[], options?: TextOptions): TextStream;
  /** Token ids of a text, without special tokens. */
  tokenize(text: string): number[];
  /** The text of token ids. */
  detokenize(tokens: readonly number[]): string;
  /** Refuses new generations; those that run go on to their end. */
  close(): void;
}
