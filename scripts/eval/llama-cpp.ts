/** The native reference engine, llama.cpp through node-llama-cpp (a development dependency). */
import type { LlamaModel, Token } from 'node-llama-cpp';
import { EngineError } from '../../engine/base/errors.ts';
import type { TopDistribution } from './statistics.ts';

/** Positions whose whole distributions are fetched at a time: each is a Map of the vocabulary. */
const POSITIONS_AT_ONCE = 24;

export interface NativeModel {
  readonly nVocab: number;
  tokenize(text: string, special: boolean): number[];
  /** Calls `visit` with the logits of every position of `tokens`, evaluated from an empty context. */
  evaluate(
    tokens: readonly number[],
    visit: (position: number, logits: Float32Array) => void,
  ): Promise<void>;
  /** The same with only the likeliest `nTop` tokens of each position: returning a whole vocabulary is slow. */
  evaluateTop(
    tokens: readonly number[],
    nTop: number,
    visit: (position: number, top: TopDistribution) => void,
  ): Promise<void>;
  dispose(): Promise<void>;
}

/**
 * @param threads CPU threads; one for benches.
 * @throws {EngineError} E_BACKEND_UNAVAILABLE when the package is not installed.
 */
export async function loadNativeModel(
  path: string,
  threads: number,
  nCtx = 2048,
): Promise<NativeModel> {
  const { getLlama } = await import('node-llama-cpp').catch((cause: unknown) => {
    throw new EngineError(
      'E_BACKEND_UNAVAILABLE',
      'native reference: node-llama-cpp is not installed. Run npm ci (development packages included).',
      { cause },
    );
  });
  const llama = await getLlama({
    gpu: false,
    build: 'never',
    maxThreads: threads,
    logLevel: 'error' as never,
  });
  const model: LlamaModel = await llama.loadModel({ modelPath: path, gpuLayers: 0 });
  const context = await model.createContext({ contextSize: nCtx, threads, batchSize: 512 });
  const sequence = context.getSequence();
  const nVocab = model.fileInfo.metadata.tokenizer.ggml.tokens.length;
  const asTokens = (ids: readonly number[]) => ids as Token[];
  return {
    nVocab,
    tokenize: (text, special) => [...model.tokenize(text, special)],
    async evaluate(tokens, visit) {
      await sequence.clearHistory();
      const logits = new Float32Array(nVocab);
      for (let start = 0; start < tokens.length; start += POSITIONS_AT_ONCE) {
        const part = asTokens(tokens.slice(start, start + POSITIONS_AT_ONCE));
        const results = await sequence.controlledEvaluate(
          part.map((token) => [
            token,
            { generateNext: { logits: true, options: { temperature: 0 } } },
          ]),
        );
        for (const [i, result] of results.entries()) {
          const map = result?.next.logits;
          if (map === undefined)
            throw new EngineError('E_INTERNAL', 'native reference gave no logits');
          logits.fill(-Infinity);
          for (const [token, logit] of map) logits[token] = logit;
          visit(start + i, logits);
        }
      }
    },
    async evaluateTop(tokens, nTop, visit) {
      await sequence.clearHistory();
      for (let start = 0; start < tokens.length; start += POSITIONS_AT_ONCE) {
        const part = asTokens(tokens.slice(start, start + POSITIONS_AT_ONCE));
        const results = await sequence.controlledEvaluate(
          part.map((token, i) => {
            const next = asTokens(tokens.slice(start + i + 1, start + i + 2));
            const logits = { filter: { tokens: next, includeTop: nTop, includeMax: true } };
            const options = { temperature: 0 };
            return [token, { generateNext: { logits, totalLogitWeight: true, options } }];
          }),
        );
        for (const [i, result] of results.entries()) {
          const { logits, totalLogitWeight } = result?.next ?? {};
          if (logits === undefined || totalLogitWeight === undefined)
            throw new EngineError('E_INTERNAL', 'native reference gave no logits');
          const largest = Math.max(...logits.values());
          visit(start + i, { logits, logSumExp: largest + Math.log(totalLogitWeight) });
        }
      }
    },
    async dispose() {
      await context.dispose();
      await model.dispose();
      await llama.dispose();
    },
  };
}
