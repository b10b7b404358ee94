/**
 * Runs the hot kernels before the first request: V8 starts WebAssembly in a baseline tier at about a
 * sixth of the speed and optimizes functions that have run.
 */
import { PagePool, Sequence } from '../cache/pages.ts';
import type { DecoderBackend } from '../model/decoder/contract.ts';

const WARM_TOKENS = 3;

/** One prompt chunk of four tokens and a few single tokens, on pages that nobody holds yet. */
export async function warmUp(decoder: DecoderBackend): Promise<void> {
  const sequence = new Sequence(new PagePool(decoder.limits.nPage));
  if (!sequence.reserve(4 + WARM_TOKENS)) return;
  const part = { sequence, slot: 0, adapter: null };
  await decoder.forward([{ ...part, inputs: [0, 0, 0, 0], logitsFrom: 3 }]);
  for (let i = 0; i < WARM_TOKENS; i++)
    await decoder.forward([{ ...part, inputs: [0], logitsFrom: 0 }]);
}
