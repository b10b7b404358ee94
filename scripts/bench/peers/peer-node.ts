/** Our engine in a Node process. */
import process from 'node:process';
import type { EngineOptions } from '../../../engine/generate/engine.ts';
import { tokenVocabulary } from '../../../engine/text/token-vocabulary.ts';
import { loadLocalModel } from '../../node-host/engine.ts';
import {
  benchRequest,
  engineAnswers,
  fillContext,
  rewriteAnswer,
  structuredAnswer,
  timeGeneration,
} from './engine-answers.ts';
import { structuredGrammar } from './structured-task.ts';
import { benchTokens } from './peer.ts';
import type { Peer, PeerConfig } from './peer.ts';

export async function startNodePeer(
  { modelId, nVocab, rewritePrompt, structuredPrompt }: PeerConfig,
  options: EngineOptions = {},
): Promise<Peer> {
  const startedAt = performance.now();
  const { engine, tokenizer } = await loadLocalModel(modelId, options);
  await timeGeneration(engine, benchRequest(benchTokens(16, 0, nVocab), 1));
  const coldFirstTokenMs = performance.now() - startedAt;
  engine.setVocabulary(tokenVocabulary(tokenizer, engine.config.nVocab));
  const constraint = { grammar: structuredGrammar(), key: 'structured' };
  return {
    answers: {
      ...engineAnswers(engine, nVocab),
      ...rewriteAnswer(rewritePrompt, (prompt, maxTokens, speculation) =>
        timeGeneration(engine, benchRequest(prompt, maxTokens, speculation)),
      ),
      ...structuredAnswer(structuredPrompt, (prompt, maxTokens, isHeld) =>
        timeGeneration(engine, {
          ...benchRequest(prompt, maxTokens),
          ...(isHeld ? { constraint } : {}),
        }),
      ),
      coldFirstToken: () => Promise.resolve(coldFirstTokenMs),
      async peakMemory(_, salt) {
        await fillContext(engine, salt, nVocab);
        return process.resourceUsage().maxRSS * 1024;
      },
    },
    close: () => Promise.resolve(engine.close()),
  };
}
