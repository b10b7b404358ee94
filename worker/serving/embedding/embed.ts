/** Asks a stage for vectors, some texts a call: whoever leaves costs at most the call under way. */
import { throwIfAborted } from '../../../engine/base/errors.ts';
import type { CallContext } from '../../platform/failure.ts';
import { ask } from '../../platform/rpc.ts';
import type { ServingEnv } from '../env.ts';
import type { EncoderModel } from './find-encoder.ts';

/** Tokens of a call: some ten passes, about a second. */
const CALL_TOKENS = 4096;

/**
 * One vector of config.nEmbd values a text, in their order.
 * @param texts token ids, special tokens included
 * @throws {EngineError} what the stage reports; E_BACKEND_UNAVAILABLE when it does not answer.
 */
export async function embed(
  env: Pick<ServingEnv, 'STAGE'>,
  { requestId }: CallContext,
  model: EncoderModel,
  texts: readonly (readonly number[])[],
  signal: AbortSignal,
): Promise<Float32Array[]> {
  const { nEmbd } = model.manifest.config;
  const stage = env.STAGE.getByName(model.id);
  const vectors: Float32Array[] = new Array<Float32Array>(texts.length);
  // Texts of like length share passes, across calls too.
  const order = texts.map((_, i) => i).sort((a, b) => texts[a]!.length - texts[b]!.length);
  for (const call of calls(order, texts)) {
    throwIfAborted(signal, 'request: the client went away.');
    const part = call.map((i) => texts[i]!);
    const flat = await ask<Float32Array>('stage', () =>
      stage.embed({ requestId }, model.id, part, model.version),
    );
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
