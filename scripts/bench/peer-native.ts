/** llama.cpp native through node-llama-cpp, one thread. */
import type { Token } from 'node-llama-cpp';
import process from 'node:process';
import { benchTokens } from './peer.ts';
import type { Peer, PeerConfig } from './peer.ts';

export async function startPeer({ gguf }: PeerConfig): Promise<Peer> {
  const { getLlama } = await import('node-llama-cpp');
  const llama = await getLlama({
    gpu: false,
    build: 'never',
    maxThreads: 1,
    logLevel: 'error' as never,
  });
  const model = await llama.loadModel({ modelPath: gguf, gpuLayers: 0 });
  const context = await model.createContext({ contextSize: 2048, threads: 1, batchSize: 512 });
  const sequence = context.getSequence();
  const asTokens = (ids: number[]) => ids as Token[];
  return {
    async prefill(nTokens, round) {
      await sequence.clearHistory();
      const tokens = asTokens(benchTokens(nTokens, round));
      const last = tokens.length - 1;
      const input = tokens.map(
        (token, i): Parameters<typeof sequence.controlledEvaluate>[0][number] =>
          i === last
            ? [token, { generateNext: { token: true, options: { temperature: 0 } } }]
            : token,
      );
      const startedAt = performance.now();
      await sequence.controlledEvaluate(input);
      return performance.now() - startedAt;
    },
    async decode(nTokens, round) {
      await sequence.clearHistory();
      let firstAt = 0;
      let n = 0;
      const prompt = asTokens(benchTokens(4, round + 500));
      for await (const token of sequence.evaluate(prompt, {
        temperature: 0,
        yieldEogToken: true,
      })) {
        void token;
        n++;
        if (firstAt === 0) firstAt = performance.now();
        if (n > nTokens) break;
      }
      return (performance.now() - firstAt) / (n - 1);
    },
    finish: () => Promise.resolve({ peakRssBytes: process.resourceUsage().maxRSS * 1024 }),
    close: () => llama.dispose(),
  };
}
