/** Calls a stage for vectors, a few texts per call: a client that leaves costs at most the current call. */
import { throwIfAborted } from '../../../engine/base/errors.ts';
import type { CallContext } from '../../platform/failure.ts';
import { ask } from '../../platform/rpc.ts';
import { stageOf } from '../clients/stages.ts';
import type { ServingEnv } from '../env.ts';
import type { EncoderModel } from './find-encoder.ts';

/** Tokens per call: some ten passes, about a second. */
const CALL_TOKENS = 4096;

/**
 * One vector of config.nEmbd values per text, in the order of the texts.
 * @param texts token ids, special tokens included
 * @throws {EngineError} errors of the stage; E_BACKEND_UNAVAILABLE when it does not answer.
 */
export async function embed(
  env: ServingEnv,
  { requestId }: CallContext,
  model: EncoderModel,
  texts: readonly (readonly number[])[],
  signal: AbortSignal,
): Promise<Float32Array[]> {
  const { nEmbd } = model.manifest.config;
  const { stage, place } = stageOf(env, model);
  const vectors: Float32Array[] = new Array<Float32Array>(texts.length);
  // Sorted by length, so that texts of similar length share passes.
  const order = texts.map((_, i) => i).sort((a, b) => texts[a]!.length - texts[b]!.length);
  for (const call of calls(order, texts)) {
    throwIfAborted(signal, 'request: the client has left.');
    const part = call.map((i) => texts[i]!);
    const flat = await ask<Float32Array>('stage', () => stage.embed({ requestId }, place, part));
    for (const [k, i] of call.entries()) vectors[i] = flat.slice(k * nEmbd, (k + 1) * nEmbd);
  }
  return vectors;
}

function calls(order: readonly number[], texts: readonly (readonly number[])[]): number[][] {
  const made: number[][] = [];
  let left = 0;
  for (const i of order) {
    if (left < texts[i]!.length) {
      made.push([]);
      left = CALL_TOKENS;
    }
    made.at(-1).push(i);
    left -= texts[i]!.length;
  }
  return made;
}
