/**
 * Our engine in Node beside a plain read loop in the same process: how much of the memory's speed
 * decoding uses. A process of its own, since the loop's 96 MB would count as the engine's.
 */
import { KV_DTYPES } from '../../../engine/cache/geometry.ts';
import type { DecoderManifest } from '../../../engine/manifest/manifest.ts';
import { planMemory } from '../../../engine/model/decoder/plan.ts';
import type { MemoryPlan } from '../../../engine/model/decoder/plan.ts';
import { loadLocalModel } from '../../node-host/engine.ts';
import { benchRequest, timeGeneration } from './engine-answers.ts';
import { benchTokens } from './peer.ts';
import type { Peer, PeerConfig } from './peer.ts';
import { openReadLoop } from './read-loop.ts';
import { spread } from '../report/statistics.ts';

/** The loop and the engine in turn, so that both see the same minutes of the machine. */
const TURNS = 3;

export async function startPeer({ modelId, nVocab }: PeerConfig): Promise<Peer> {
  const { engine, manifest } = await loadLocalModel(modelId);
  await timeGeneration(engine, benchRequest(benchTokens(16, 0, nVocab), 32));
  const readLoop = await openReadLoop();
  return {
    answers: {
      readLoop: () => Promise.resolve(readLoop()),
      async readShare({ nPrompt, nTokens }, salt) {
        const loopRates = [readLoop()];
        const tokenRates: number[] = [];
        for (let turn = 0; turn < TURNS; turn++) {
          const prompt = benchTokens(nPrompt, salt + turn, nVocab);
          const run = await timeGeneration(engine, benchRequest(prompt, nTokens + 1));
          tokenRates.push(run.tokensPerSecond);
          loopRates.push(readLoop());
        }
        const plan = planMemory(manifest, { memoryBudgetBytes: null });
        const bytes = bytesPerToken(manifest, plan, nPrompt + nTokens / 2);
        const gigabytesPerSecond = (spread(tokenRates).median * bytes) / 1e9;
        const loopGigabytesPerSecond = spread(loopRates).median;
        return {
          value: gigabytesPerSecond / loopGigabytesPerSecond,
          detail: { bytesPerToken: bytes, gigabytesPerSecond, loopGigabytesPerSecond },
        };
      },
    },
    close: () => Promise.resolve(engine.close()),
  };
}

/** What one token must read: every weight once (of an untied embedding one row), and the cache. */
export function bytesPerToken(
  { tensors, config }: Pick<DecoderManifest, 'tensors' | 'config'>,
  { kv }: Pick<MemoryPlan, 'kv'>,
  nContext: number,
): number {
  const weights = tensors
    .filter(({ name }) => config.tiedHead || name !== 'tokEmbd')
    .reduce((sum, { bytes }) => sum + bytes, 0);
  const { elementBytes, scaleBytes } = KV_DTYPES[kv.dtype];
  const rows = config.nLayer * config.nKvHead * 2;
  return weights + nContext * rows * (config.headDim * elementBytes + scaleBytes);
}
