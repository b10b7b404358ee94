/**
 * The stage script: holds weights, and answers generations as lines of JSON. One object per model id.
 * Knows token ids only; text and HTTP are the gateway's.
 */
import { DurableObject } from 'cloudflare:workers';
import type { EngineStats } from '../../engine/generate/engine.ts';
import type { GenerateRequest } from '../../engine/generate/types.ts';
import type { TranscribeRequest } from '../../engine/transcribe/types.ts';
import { Vocabulary } from '../../engine/grammar/index.ts';
import type { VocabularyParts } from '../../engine/grammar/index.ts';
import type { CallContext } from '../platform/failure.ts';
import { answerCall } from '../platform/rpc.ts';
import type { RpcAnswer } from '../platform/rpc.ts';
import type { HostEnv } from './engines.ts';
import { acquireEngine, hostStats } from './host.ts';
import { eventStream, generationStream } from './generation-stream.ts';

/** A function passed over RPC, with what its stub adds to it. */
type VocabularySource = (() => Promise<VocabularyParts>) & {
  dup?(): VocabularySource;
  [Symbol.dispose]?(): void;
};

function keep(source: VocabularySource | null): VocabularySource | null {
  return source?.dup?.() ?? source;
}

export interface StageStatus {
  readonly nCtx: number;
  readonly engine: EngineStats;
  readonly loaded: ReturnType<typeof hostStats>;
}

export class Stage extends DurableObject<HostEnv> {
  /**
   * Generates as NDJSON of GenerateEvent; a failure is a last line `{type: 'error', error: ErrorRecord}`.
   * Cancelling the stream ends the generation within one token.
   * @param version the model's version as the caller knows it; null takes what is loaded
   * @param vocabulary called by the first request with a grammar
   */
  generate(
    call: CallContext,
    modelId: string,
    request: GenerateRequest,
    version: string | null = null,
    vocabulary: VocabularySource | null = null,
  ): ReadableStream<Uint8Array> {
    // An argument lives as long as the call; the stream lives longer.
    const source = request.constraint === undefined ? null : keep(vocabulary);
    return generationStream(
      async () => {
        const held = await acquireEngine(this.env, 'decoder', modelId, version);
        try {
          if (source !== null && !held.engine.hasVocabulary)
            held.engine.setVocabulary(new Vocabulary(await source()));
          return held;
        } catch (error) {
          held.release();
          throw error;
        } finally {
          source?.[Symbol.dispose]?.();
        }
      },
      request,
      { place: 'stage.generate', ...call },
    );
  }

  /**
   * Transcribes as NDJSON of TranscribeEvent, like `generate`. One window of samples per call; calls of
   * one model wait for each other.
   */
  transcribe(
    call: CallContext,
    modelId: string,
    request: TranscribeRequest,
    version: string | null = null,
  ): ReadableStream<Uint8Array> {
    return eventStream(
      () => acquireEngine(this.env, 'recognition', modelId, version),
      (engine, signal) => engine.transcribe(request, signal),
      { place: 'stage.transcribe', ...call },
    );
  }

  /**
   * Embeds texts. Calls of one model wait for each other.
   * @param texts token ids of each, special tokens included
   * @returns [texts.length, nEmbd], row-major
   */
  async embed(
    call: CallContext,
    modelId: string,
    texts: readonly (readonly number[])[],
    version: string | null = null,
  ): Promise<RpcAnswer<Float32Array>> {
    return await answerCall({ place: 'stage.embed', ...call }, async () => {
      const held = await acquireEngine(this.env, 'encoder', modelId, version);
      try {
        const made = await held.engine.embed(texts);
        const { nEmbd } = held.engine.config;
        const vectors = new Float32Array(made.length * nEmbd);
        for (const [i, vector] of made.entries()) vectors.set(vector, i * nEmbd);
        return vectors;
      } finally {
        held.release();
      }
    });
  }

  /** Loads the model if necessary. */
  async status(
    call: CallContext,
    modelId: string,
    version: string | null = null,
  ): Promise<RpcAnswer<StageStatus>> {
    return await answerCall({ place: 'stage.status', ...call }, async () => {
      const held = await acquireEngine(this.env, 'decoder', modelId, version);
      held.release();
      const { engine } = held;
      return { nCtx: engine.nCtx, engine: engine.stats(), loaded: hostStats() };
    });
  }
}

export default {
  fetch(): Response {
    return new Response('This script serves no HTTP requests.\n', { status: 404 });
  },
};
