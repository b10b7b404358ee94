/** What a bench asks of an engine, ours or another's: the same questions, each in its row's unit. */
import type { Speculation } from '../../../engine/generate/types.ts';

export interface PeerConfig {
  /** The imported model's id, for our own engine. */
  readonly modelId: string;
  /** The same file imported without loss; '' where no row needs it. */
  readonly losslessId: string;
  /** The file it came from, for the others; '' where none is asked. */
  readonly gguf: string;
  /** The same model in Q4_0; '' where none is asked. */
  readonly ggufQ40: string;
  /** Where the benched server keeps R2 and objects. */
  readonly persist: string;
  /** Stages of its pool. */
  readonly nIsolate: number;
  /** Whether memory is asked for: an inspector slows every call between isolates. */
  readonly inspects: boolean;
  readonly nVocab: number;
  /** Positions the server and the engine have. */
  readonly nCtx: number;
  /** A task whose answer copies most of the prompt; [] for a model without a chat template. */
  readonly rewritePrompt: readonly number[];
  /** A task that asks for JSON (structured-task.ts); [] likewise. */
  readonly structuredPrompt: readonly number[];
}

/** A question with its parameters; `Peer` says what each is answered with. */
export type Question =
  | { readonly ask: 'prefill'; readonly nTokens: number }
  | { readonly ask: 'firstToken'; readonly nTokens: number }
  | { readonly ask: 'decode'; readonly nPrompt: number; readonly nTokens: number }
  | {
      readonly ask: 'streams';
      readonly nStream: number;
      readonly nPrompt: number;
      readonly nTokens: number;
    }
  | { readonly ask: 'rewrite'; readonly nTokens: number; readonly speculation: Speculation }
  | { readonly ask: 'structured'; readonly nTokens: number; readonly isHeld: boolean }
  | { readonly ask: 'coldFirstToken' }
  | { readonly ask: 'peakMemory' }
  | { readonly ask: 'bundleSize' }
  | { readonly ask: 'readLoop' }
  | { readonly ask: 'readShare'; readonly nPrompt: number; readonly nTokens: number }
  | { readonly ask: 'profile'; readonly nPrompt: number; readonly nTokens: number };

export interface Answer {
  readonly value: number;
  /** How the number came about; kept in the JSON of the last round. */
  readonly detail?: unknown;
}

type Ask = Question['ask'];
/** `salt` differs from question to question: prompts made of it share no beginning. */
export type Answers = {
  readonly [K in Ask]?: (
    question: Extract<Question, { ask: K }>,
    salt: number,
  ) => Promise<number | Answer>;
};

/**
 * prefill: tokens a second from an empty cache to the first generated token.
 * firstToken: milliseconds of the same. coldFirstToken: milliseconds from nothing loaded.
 * decode: tokens a second between the first and the last of `nTokens` + 1 generated tokens.
 * streams: tokens a second of `nStream` generations together, while all of them run.
 * rewrite: tokens a second of `nTokens` + 1 tokens of the rewriting task.
 * structured: tokens a second of at most `nTokens` tokens, held to a schema or free.
 * peakMemory: bytes; what is counted differs by peer (docs/benchmarks.md).
 * bundleSize: bytes of code, gzip. readLoop: gigabytes a second.
 * readShare: bytes of weights and cache read a second while decoding, as a share of readLoop.
 * profile: share of a token's time outside of kernels; the kernels are the detail.
 */
export interface Peer {
  readonly answers: Answers;
  close(): Promise<void>;
}

export type StartPeer = (config: PeerConfig) => Promise<Peer>;

/** Ids above are rare tokens in every vocabulary the peers know. */
const MAX_TOKEN_ID = 40_000;

/** Token ids that begin differently for every `salt`, so that no cached prefix helps. */
export function benchTokens(nTokens: number, salt: number, nVocab: number): number[] {
  const span = Math.min(MAX_TOKEN_ID, nVocab - 3);
  return Array.from({ length: nTokens }, (_, i) => 3 + (((i + 1) * 37 + salt * 1009) % span));
}

/** Messages to and from the child process that runs one peer. */
export interface PeerMessage {
  readonly question: Question;
  readonly salt: number;
}
export type PeerReply =
  { readonly ready: true } | { readonly answer: Answer } | { readonly failed: string };
