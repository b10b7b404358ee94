/** Our engine in a Node process. */
import process from 'node:process';
import { DEFAULT_SAMPLING } from '../../engine/generate/types.ts';
import type { GenerateRequest } from '../../engine/generate/types.ts';
import { loadLocalModel } from '../lib/local-engine.ts';
import { benchTokens } from './peer.ts';
import type { Peer, PeerConfig } from './peer.ts';

export async function startPeer({ modelId }: PeerConfig): Promise<Peer> {
  const { engine } = await loadLocalModel(modelId);
  const run = async (promptTokens: number[], maxTokens: number) => {
    const request: GenerateRequest = {
      promptTokens,
      maxTokens,
      sampling: { ...DEFAULT_SAMPLING, temperature: 0 },
      stopTokens: [],
      topLogprobs: null,
      promptLogprobs: false,
    };
    const startedAt = performance.now();
    let firstAt = 0;
    let nTokens = 0;
    for await (const event of engine.generate(request, new AbortController().signal)) {
      if (event.type !== 'token') continue;
      nTokens++;
      if (firstAt === 0) firstAt = performance.now();
    }
    const endedAt = performance.now();
    return { firstMs: firstAt - startedAt, perTokenMs: (endedAt - firstAt) / (nTokens - 1) };
  };
  return {
    prefill: async (nTokens, round) => (await run(benchTokens(nTokens, round), 1)).firstMs,
    decode: async (nTokens, round) =>
      (await run(benchTokens(4, round + 500), nTokens + 1)).perTokenMs,
    finish: () =>
      Promise.resolve({
        wasmBytes: engine.plan.wasmBytes,
        peakRssBytes: process.resourceUsage().maxRSS * 1024,
      }),
    close: () => Promise.resolve(engine.close()),
  };
}
