/**
 * Runs the hot kernels before the first request: V8 starts WebAssembly in a baseline tier at about a
 * sixth of the speed and optimizes functions that have run.
 */
import { PagePool, Sequence } from '../cache/pages.ts';
import type { Decoder } from '../model/decoder/decoder.ts';

const WARM_TOKENS = 3;

/** One prompt chunk of four tokens and a few single tokens, on pages nobody holds yet. */
export function warmUp(decoder: Decoder): void {
  const sequence = new Sequence(new PagePool(decoder.plan.nPage));
  if (!sequence.reserve(4 + WARM_TOKENS)) return;
  decoder.forward([{ tokens: [0, 0, 0, 0], sequence, slot: 0, logitsFrom: 3 }]);
  for (let i = 0; i < WARM_TOKENS; i++)
    decoder.forward([{ tokens: [0], sequence, slot: 0, logitsFrom: 0 }]);
}
