/** The memory plan as arithmetic: no weights are made and nothing is allocated. */
import { describe, expect, it } from 'vitest';
import { EngineError } from '../../engine/base/errors.ts';
import { PAGE_TOKENS } from '../../engine/cache/geometry.ts';
import { parseManifest } from '../../engine/manifest/manifest.ts';
import type { DecoderManifest, ModelConfig } from '../../engine/manifest/manifest.ts';
import { planMemory } from '../../engine/model/decoder/plan.ts';
import { ISOLATE_BYTES } from '../../engine/model/memory/budget.ts';
import type { MemoryPlan, PlanOptions } from '../../engine/model/decoder/plan.ts';
import { plannedManifest, SMOLLM2_CONFIG } from '../support/planned-manifest.ts';
import { seededRandom } from '../support/random.ts';
import { TINY_CONFIG } from '../support/tiny-llama.ts';

const EDGE = plannedManifest(SMOLLM2_CONFIG, 'edge', { table: 'Q8_0', layers: 'Q4_1' });
const LOSSLESS = plannedManifest(SMOLLM2_CONFIG, 'lossless', { table: 'Q8_0', layers: 'Q4_1' });

/** Models of awkward sizes, many of them no multiple of anything. */
function randomManifests(count: number): DecoderManifest[] {
  const random = seededRandom(11);
  const upTo = (n: number) => 1 + Math.floor(random() * n);
  return Array.from({ length: count }, () => {
    const nKvHead = upTo(5);
    const headDim = 2 * upTo(70);
    const config: ModelConfig = {
      ...TINY_CONFIG,
      nLayer: upTo(5),
      nEmbd: upTo(400),
      nHead: nKvHead * upTo(4),
      nKvHead,
      headDim,
      ropeDim: headDim,
      nFf: upTo(900),
      nVocab: upTo(5000),
      nCtx: upTo(3000),
      tiedHead: random() < 0.5,
    };
    return plannedManifest(config, random() < 0.5 ? 'edge' : 'lossless', {
      table: 'F16',
      layers: 'F16',
    });
  });
}

function refusal(manifest: DecoderManifest, options: PlanOptions): EngineError | null {
  try {
    planMemory(manifest, options);
    return null;
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
}

/** Spans [from, to) must be aligned, apart and in the order given. */
function expectApart(spans: readonly (readonly [from: number, to: number])[], within: number) {
  let end = 0;
  for (const [from, to] of spans) {
    expect(from % 64).toBe(0);
    expect(from).toBeGreaterThanOrEqual(end);
    expect(to).toBeGreaterThanOrEqual(from);
    end = to;
  }
  expect(end).toBeLessThanOrEqual(within);
}

function expectSound(plan: MemoryPlan, manifest: DecoderManifest): void {
  const regions = Object.values(plan.regions);
  const lasting = regions.filter(({ phase }) => phase === null);
  const phases = ['attention', 'ffn', 'output'].map((name) =>
    regions.filter(({ phase }) => phase === name),
  );
  // Phases follow each other in time and share their place; within one all regions are apart.
  for (const phase of phases) {
    expectApart(
      [...lasting, ...phase].map(({ address, bytes }) => [address, address + bytes]),
      plan.wasmBytes,
    );
  }
  const { weights } = plan.regions;
  const shards = plan.shardAddresses.map(
    (address, i) => [address!, address! + manifest.shards[i]!.bytes] as const,
  );
  expect(shards).toHaveLength(manifest.shards.length);
  expect(shards[0]?.[0]).toBe(weights.address);
  expectApart(shards, weights.address + weights.bytes);
  expect(plan.wasmBytes % 65536).toBe(0);
  const sum = (part: typeof regions) => part.reduce((total, { bytes }) => total + bytes, 0);
  const used = sum(lasting) + Math.max(...phases.map(sum));
  // Nothing is wasted but alignment: 63 bytes a region, and the last WebAssembly page.
  expect(plan.wasmBytes - used).toBeLessThan(65536 + 64 * regions.length);
  expect(plan.totalBytes).toBe(plan.wasmBytes + plan.jsHeapBytes);
  expect(plan.nPage * PAGE_TOKENS).toBeGreaterThanOrEqual(plan.nCtx);
  expect(plan.regions.kvPages.bytes).toBe(plan.nPage * plan.kv.pageBytes);
}

describe('regions', () => {
  it('are aligned and apart, and add up', () => {
    for (const manifest of [EDGE, LOSSLESS, ...randomManifests(60)])
      expectSound(planMemory(manifest, { memoryBudgetBytes: null }), manifest);
  });

  it('belong to manifests that the reader accepts', () => {
    for (const manifest of [EDGE, ...randomManifests(10)])
      expect(parseManifest(manifest)).toEqual(manifest);
  });

  it('have the sizes worked out by hand for the default model', () => {
    const { regions } = planMemory(EDGE);
    // 2,048 tokens x 30 layers x 3 heads x (key and value) x (64 bytes and an f32 scale).
    expect(regions.kvPages.bytes).toBe(2048 * 30 * 3 * 2 * 68);
    // 48 tokens a chunk, f32.
    expect(regions.hidden.bytes).toBe(48 * 576 * 4);
    expect(regions.keys.bytes).toBe(48 * 192 * 4);
    expect(regions.gate.bytes).toBe(48 * 1536 * 4);
    expect(regions.ropeTable.bytes).toBe(48 * 64 * 4);
    // Five rows of logits fit where the layers worked.
    expect(regions.logits.bytes).toBe(5 * 49152 * 4);
    // Embedding 6,144 panels x 18 blocks x 208 bytes; layers 20 bytes a block, 4 a row; 61 norms.
    const rows = 576 + 192 + 192 + 576 + 1536 + 1536 + 576;
    const blocks = 106_168_320 / 32;
    expect(regions.weights.bytes).toBe(
      6144 * 18 * 208 + blocks * 20 + 30 * rows * 4 + 61 * 576 * 4,
    );
    const f16 = planMemory(LOSSLESS, { memoryBudgetBytes: null });
    expect(f16.regions.kvPages.bytes).toBe(2048 * 30 * 3 * 2 * 64 * 2);
  });
});

describe('context', () => {
  it("is 2,048 unless asked otherwise, and never more than the model's", () => {
    const nCtxOf = (nCtx?: number) =>
      planMemory(EDGE, { memoryBudgetBytes: null, ...(nCtx === undefined ? {} : { nCtx }) }).nCtx;
    expect(nCtxOf()).toBe(2048);
    expect(nCtxOf(100)).toBe(100);
    expect(nCtxOf(100_000)).toBe(8192);
  });
});

describe('budget', () => {
  it('of one isolate holds the default model as edge with 2,048 tokens', () => {
    const plan = planMemory(EDGE);
    expect(ISOLATE_BYTES).toBe(128_000_000);
    expect(plan.nCtx).toBe(2048);
    expect(plan.budgetBytes).toBe(128_000_000);
    expect(plan.totalBytes).toBeLessThanOrEqual(128_000_000);
  });

  it('does not hold its own precision with as many, and says so with all numbers', () => {
    const error = refusal(LOSSLESS, {});
    const plan = planMemory(LOSSLESS, { memoryBudgetBytes: null });
    const { kvPages, weights } = plan.regions;
    expect(error?.code).toBe('E_MEMORY_BUDGET');
    expect(error?.details).toMatchObject({
      totalBytes: plan.totalBytes,
      budgetBytes: 128_000_000,
      weightBytes: weights.bytes,
      kvBytes: kvPages.bytes,
      nCtx: 2048,
    });
    for (const number of [plan.totalBytes, 128_000_000, weights.bytes, kvPages.bytes, 2048])
      expect(error?.message).toContain(String(number));
    expect(error?.message).toContain(`--ctx ${String(error?.details['fittingCtx'])}`);
  });

  it('refused names the largest context of whole pages that fits, whatever the budget', () => {
    const manifests = [LOSSLESS, ...randomManifests(15)];
    const random = seededRandom(12);
    let nAdvised = 0;
    for (const manifest of manifests) {
      const whole = planMemory(manifest, { memoryBudgetBytes: null });
      for (let i = 0; i < 60; i++) {
        const kvBytes = whole.regions.kvPages.bytes;
        const memoryBudgetBytes = Math.floor(whole.totalBytes - 1 - random() * 1.1 * kvBytes);
        const error = refusal(manifest, { memoryBudgetBytes });
        const fittingCtx = Number(error?.details['fittingCtx']);
        expect(fittingCtx % PAGE_TOKENS).toBe(0);
        expect(fittingCtx).toBeLessThan(whole.nCtx);
        expect(refusal(manifest, { memoryBudgetBytes, nCtx: fittingCtx + 1 })).not.toBeNull();
        if (fittingCtx === 0) continue;
        nAdvised++;
        expect(refusal(manifest, { memoryBudgetBytes, nCtx: fittingCtx })).toBeNull();
      }
    }
    expect(nAdvised).toBeGreaterThan(500);
  });

  it('too small for any context advises a preset or a model, as fits', () => {
    const small = { memoryBudgetBytes: 20_000_000 };
    expect(refusal(LOSSLESS, small)?.message).toContain('--preset edge');
    expect(refusal(LOSSLESS, small)?.details).toMatchObject({ fittingCtx: 0 });
    expect(refusal(EDGE, small)?.message).toMatch(/smaller model\.$/);
  });

  it('refused names the command that divides the model', () => {
    for (const manifest of [LOSSLESS, EDGE])
      for (const memoryBudgetBytes of [20_000_000, 110_000_000])
        expect(refusal(manifest, { memoryBudgetBytes })?.message).toContain(
          `thimble plan ${manifest.id} --isolates auto`,
        );
  });

  it('is met to the byte', () => {
    const { totalBytes } = planMemory(EDGE, { memoryBudgetBytes: null });
    expect(refusal(EDGE, { memoryBudgetBytes: totalBytes })).toBeNull();
    expect(refusal(EDGE, { memoryBudgetBytes: totalBytes - 1 })).not.toBeNull();
  });

  it('does not limit hosts that have none', () => {
    expect(planMemory(LOSSLESS, { memoryBudgetBytes: null }).totalBytes).toBeGreaterThan(
      ISOLATE_BYTES,
    );
  });
});
