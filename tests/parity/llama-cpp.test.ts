/**
 * The real default model against llama.cpp on the same file, teacher-forced on prose, technical text
 * and chats, with both kernel builds.
 * @module-tag slow
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../engine/generate/engine.ts';
import { loadNativeModel } from '../../scripts/eval/llama-cpp.ts';
import type { NativeModel } from '../../scripts/eval/llama-cpp.ts';
import { compareEngines } from '../../scripts/eval/parity.ts';
import type { ParityReport } from '../../scripts/eval/statistics.ts';
import { engineFrom, smollm2Gguf } from '../support/models.ts';

const TEXTS = join(import.meta.dirname, '../golden/parity-texts.json');
/** Two engines that both round activations to int8 differ by about 3.5 % of top choices and 0.004 nats. */
const LOSSLESS = { top1Agreement: 0.96, meanKlNats: 0.006, perplexityChange: 0.005 };
const EDGE_PERPLEXITY_CHANGE = 0.016;

interface Passage {
  text: string;
  special: boolean;
}

describe('SmolLM2-135M-Instruct', () => {
  let reference: NativeModel;
  let engines: Engine[];
  let lossless: ParityReport;
  let edge: ParityReport;
  let plain: ParityReport;
  beforeAll(async () => {
    const file = smollm2Gguf();
    reference = await loadNativeModel(file, 1);
    engines = [
      await engineFrom(file, 'lossless'),
      await engineFrom(file, 'edge'),
      await engineFrom(file, 'lossless', { kernelBuild: 'simd' }),
    ];
    const passages = JSON.parse(await readFile(TEXTS, 'utf8')) as Passage[];
    const texts = passages.map(({ text, special }) => reference.tokenize(text, special));
    const reports = await compareEngines(engines, reference, texts);
    [lossless, edge, plain] = reports as [ParityReport, ParityReport, ParityReport];
    console.log(JSON.stringify({ lossless, edge, plain }, null, 1));
  }, 600_000);
  afterAll(() => reference.dispose());

  it('compares at least 2,000 positions', () => {
    expect(lossless.nTokens).toBeGreaterThanOrEqual(2000);
  });
  it.each([
    ['relaxed', () => lossless],
    ['simd', () => plain],
  ] as const)('lossless agrees within the noise of int8 activations, %s build', (_, report) => {
    expect(report().top1Agreement).toBeGreaterThanOrEqual(LOSSLESS.top1Agreement);
    expect(report().meanKlNats).toBeLessThanOrEqual(LOSSLESS.meanKlNats);
    expect(Math.abs(report().perplexityChange)).toBeLessThanOrEqual(LOSSLESS.perplexityChange);
  });
  it('edge costs little perplexity against lossless', () => {
    const change = edge.perplexityOurs / lossless.perplexityOurs - 1;
    expect(change).toBeLessThanOrEqual(EDGE_PERPLEXITY_CHANGE);
  });
  it('fits edge with 2,048 tokens into one isolate by plan', () => {
    const { plan } = engines[1]!;
    expect(plan.nCtx).toBe(2048);
    expect(plan.totalBytes).toBeLessThanOrEqual(128_000_000);
  });
});
