/** What a trained model writes, by the engine that will serve it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tokenPrompt } from '../../engine/generate/prompt.ts';
import { DEFAULT_SAMPLING } from '../../engine/sample/params.ts';
import { importModel } from '../import/import-model.ts';
import { generateText, loadLocalModel } from '../node-host/engine.ts';
import type { Sample } from './report.ts';

const MAX_TOKENS = 120;
const ID = 'trained';

/** @param folder of the exported model @param seed of the draws */
export async function writeSamples(
  folder: string,
  prompts: readonly string[],
  seed: number,
): Promise<Sample[]> {
  const outRoot = await mkdtemp(join(tmpdir(), 'thimble-trained-'));
  try {
    await importModel({ input: folder, id: ID, outRoot });
    const model = await loadLocalModel(ID, {}, outRoot);
    const samples: Sample[] = [];
    for (const [i, prompt] of prompts.entries()) {
      const request = {
        prompt: tokenPrompt(model.tokenizer.encode(prompt, { special: false })),
        ...{ maxTokens: MAX_TOKENS, topLogprobs: null, promptLogprobs: false },
        sampling: { ...DEFAULT_SAMPLING, temperature: 0.7, seed: seed + i },
        stopTokens: model.tokenizer.facts.eosIds,
      };
      const { signal } = new AbortController();
      const { text } = await generateText(model, request, [], signal, () => undefined);
      samples.push({ prompt, text });
    }
    return samples;
  } finally {
    await rm(outRoot, { recursive: true, force: true });
  }
}
