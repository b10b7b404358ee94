/** Vectors of texts, and scores of pairs, from the stage that serves the model. */
import type { Client } from '../../platform/client.ts';
import type { CallContext } from '../../platform/failure.ts';
import { ask } from '../../platform/rpc.ts';
import { stageOf } from '../clients/stages.ts';
import type { ServingEnv } from '../env.ts';
import type { EncoderModel } from './find-encoder.ts';
import { inCalls } from './in-calls.ts';

/**
 * One vector of config.nEmbd values per text, in the order of the texts.
 * @param texts token ids, special tokens included
 * @throws {EngineError} errors of the stage; E_BACKEND_UNAVAILABLE when it does not answer.
 */
export async function embed(
  env: ServingEnv,
  { requestId, subject = '' }: CallContext,
  model: EncoderModel,
  texts: readonly (readonly number[])[],
  client: Client,
): Promise<Float32Array[]> {
  const { stage, place } = stageOf(env, model);
  return await inCalls(texts, model.manifest.config.nEmbd, client, (part) =>
    ask<Float32Array>('stage', () => stage.embed({ requestId, subject }, place, part)),
  );
}

/**
 * One score per pair, as EncoderEngine.score gives it, in the order of the pairs.
 * @param pairs token ids of query and passage, as `pairIds` makes them
 * @throws {EngineError} as `embed`
 */
export async function score(
  env: ServingEnv,
  { requestId, subject = '' }: CallContext,
  model: EncoderModel,
  pairs: readonly (readonly number[])[],
  client: Client,
): Promise<number[]> {
  const { stage, place } = stageOf(env, model);
  const rows = await inCalls(pairs, 1, client, (part) =>
    ask<Float32Array>('stage', () => stage.score({ requestId, subject }, place, part)),
  );
  return rows.map(([value]) => value!);
}

/**
 * Scores of all classes per text, as EncoderEngine.classScores gives them, in the order of the texts.
 * @param texts token ids, special tokens included
 * @throws {EngineError} as `embed`
 */
export async function classScores(
  env: ServingEnv,
  { requestId, subject = '' }: CallContext,
  model: EncoderModel,
  texts: readonly (readonly number[])[],
  client: Client,
): Promise<Float32Array[]> {
  const { stage, place } = stageOf(env, model);
  return await inCalls(texts, model.manifest.config.nClass ?? 1, client, (part) =>
    ask<Float32Array>('stage', () => stage.classify({ requestId, subject }, place, part)),
  );
}

/** A query and the passages that are compared with it, as token ids with special tokens. */
export interface Interaction {
  readonly query: readonly number[];
  readonly passages: readonly (readonly number[])[];
}

/**
 * One score per passage, as EncoderEngine.interact gives it, in the order of the passages.
 * @throws {EngineError} as `embed`
 */
export async function interact(
  env: ServingEnv,
  { requestId, subject = '' }: CallContext,
  model: EncoderModel,
  { query, passages }: Interaction,
  client: Client,
): Promise<number[]> {
  const { stage, place } = stageOf(env, model);
  const rows = await inCalls(passages, 1, client, (part) =>
    ask<Float32Array>('stage', () => stage.interact({ requestId, subject }, place, query, part)),
  );
  return rows.map(([value]) => value!);
}
