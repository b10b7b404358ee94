/** Asks a stage for vectors, some texts a call: whoever leaves costs at most the call under way. */
import {
  EngineError,
  errorFromRecord,
  errorToRecord,
  throwIfAborted,
} from '../../../engine/base/errors.ts';
import type { EmbedAnswer } from '../../stage/index.ts';
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
  model: EncoderModel,
  texts: readonly (readonly number[])[],
  signal: AbortSignal,
): Promise<Float32Array[]> {
  const { nEmbd } = model.manifest.config;
  const vectors: Float32Array[] = new Array<Float32Array>(texts.length);
  // Texts of like length share passes, across calls too.
  const order = texts.map((_, i) => i).sort((a, b) => texts[a]!.length - texts[b]!.length);
  for (const call of calls(order, texts)) {
    throwIfAborted(signal, 'request: the client went away.');
    const flat = await askStage(
      env,
      model,
      call.map((i) => texts[i]!),
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

async function askStage(
  env: Pick<ServingEnv, 'STAGE'>,
  { id, version }: EncoderModel,
  texts: readonly (readonly number[])[],
): Promise<Float32Array> {
  // RPC's type of an answer loses what it is made of; what crosses is the answer itself.
  let answer: unknown;
  try {
    answer = await env.STAGE.getByName(id).embed(id, texts, version);
  } catch (cause) {
    const { message } = errorToRecord(cause);
    throw new EngineError(
      'E_BACKEND_UNAVAILABLE',
      `stage: did not answer (${message}). Try again.`,
      { cause },
    );
  }
  const made = answer as EmbedAnswer;
  if ('vectors' in made) return made.vectors;
  throw errorFromRecord(made.error);
}
