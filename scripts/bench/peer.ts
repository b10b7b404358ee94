/** What a bench asks of an engine, ours or another's: the same few questions in every round. */

export interface PeerConfig {
  /** The imported model's id, for our own engine. */
  readonly modelId: string;
  /** The file it came from, for the others. */
  readonly gguf: string;
  /** Where the benched server keeps R2 and objects. */
  readonly persist: string;
}

export interface Peer {
  /** Evaluates `nTokens` tokens from an empty cache up to the first generated one; milliseconds. */
  prefill(nTokens: number, round: number): Promise<number>;
  /** Milliseconds a token over `nTokens` tokens after the first, from a short prompt. */
  decode(nTokens: number, round: number): Promise<number>;
  /** Facts once the rounds are over (peak memory and the like). */
  finish(): Promise<Readonly<Record<string, unknown>>>;
  close(): Promise<void>;
}

export type StartPeer = (config: PeerConfig) => Promise<Peer>;

/** Token ids that differ from round to round, so that no cached prefix helps. */
export function benchTokens(nTokens: number, round: number): number[] {
  return Array.from({ length: nTokens }, (_, i) => 3 + (((i + 1) * 37 + round * 1009) % 40_000));
}

/** Messages of the child process that runs one peer. */
export type PeerQuestion =
  | { readonly ask: 'prefill' | 'decode'; readonly nTokens: number; readonly round: number }
  | { readonly ask: 'finish' };
export type PeerAnswer =
  | { readonly ready: true }
  | { readonly ms: number }
  | { readonly facts: Readonly<Record<string, unknown>> }
  | { readonly failed: string };
