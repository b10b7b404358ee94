/** Low-rank adapters: rows that carry one share passes with rows that do not. */
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { PagePool, Sequence } from '../../engine/cache/pages.ts';
import { Generation } from '../../engine/generate/generation.ts';
import { Scheduler } from '../../engine/generate/scheduler.ts';
import { StepLoop } from '../../engine/generate/step-loop.ts';
import { plainTurns } from '../../engine/base/turns.ts';
import type { AdapterTensors } from '../../engine/model/decoder/adapters.ts';
import type { AdapterHandle } from '../../engine/model/decoder/contract.ts';
import type { Decoder } from '../../engine/model/decoder/decoder.ts';
import { Llama2cReference } from '../support/llama2c-reference.ts';
import type { Layer } from '../support/llama2c-reference.ts';
import { decoderFrom, STORIES_FILE } from '../support/models.ts';
import { randomTokens } from '../support/random-llama.ts';
import { randomValues } from '../support/random.ts';
import { BOS, request } from '../support/requests.ts';

const RANK = 4;
const ADAPTER_BYTES = 1 << 20;
/** As in the decoder's contract: keys and values are halves. Measured: 9.2e-3. */
const LOGIT_DIFFERENCE = 3e-2;

/** The plain model's names of what is adapted. */
const PLAIN_NAMES = {
  ...{ qProj: 'q', kProj: 'k', vProj: 'v', oProj: 'o' },
  ...{ gateProj: 'w1', downProj: 'w2', upProj: 'w3' },
} as const satisfies Record<string, keyof Layer>;
type Projection = keyof typeof PLAIN_NAMES;

/** Of shape [rank, nCol] and [nRow, rank], for the widths of stories260K. */
function randomPair(nRow: number, nCol: number, seed: number, rank = RANK) {
  const [forA, forB] = [0.5 / Math.sqrt(nCol), 0.5 / Math.sqrt(rank)];
  return {
    a: randomValues(rank * nCol, seed, forA),
    b: randomValues(nRow * rank, seed + 1, forB),
  };
}

/** W + scale B A, in float64, rounded at the end. */
function addTo(w: Float32Array, { a, b }: ReturnType<typeof randomPair>, scale: number): void {
  const nCol = a.length / RANK;
  for (const at of w.keys()) {
    const [row, column] = [Math.floor(at / nCol), at % nCol];
    let sum = 0;
    for (let r = 0; r < RANK; r++) sum += b[row * RANK + r]! * a[r * nCol + column]!;
    w[at]! += scale * sum;
  }
}

/** An adapter of `projections` in every layer, and the plain model with it. */
async function adapted(id: string, projections: readonly Projection[], scale: number) {
  const plain = new Llama2cReference(new Uint8Array(await readFile(STORIES_FILE)));
  const pairs = new Map<string, ReturnType<typeof randomPair>>();
  for (let i = 0; i < plain.config.nLayer; i++)
    for (const [j, projection] of projections.entries()) {
      const w = plain.layer(i)[PLAIN_NAMES[projection]];
      const nCol = projection === 'downProj' ? plain.config.nFf : plain.config.nEmbd;
      const pair = randomPair(w.length / nCol, nCol, 100 * i + 10 * j + id.length);
      pairs.set(`layers.${i}.${projection}`, pair);
      addTo(w, pair, scale);
    }
  const tensors: AdapterTensors = { id, rank: RANK, scale, pairs };
  return { tensors, plain };
}

const TEXT = [BOS, ...randomTokens(47)];

/** What the plain model gives at every position of TEXT. */
function plainLogits(plain: Llama2cReference): Float32Array[] {
  return TEXT.map((token) => plain.next(token));
}

function largestGap(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  return a.reduce((most, row, i) => {
    return row.reduce((m, x, id) => Math.max(m, Math.abs(x - b[i]![id]!)), most);
  }, 0);
}

/** Logits of TEXT for every part of `carried` side by side, `nEach` rows of each a pass. */
function sideBySide(on: Decoder, carried: readonly (AdapterHandle | null)[], nEach: number) {
  const pool = new PagePool(on.limits.nPage);
  const sequences = carried.map(() => new Sequence(pool));
  const seen: Float32Array[][] = carried.map(() => []);
  for (const sequence of sequences) sequence.reserve(TEXT.length);
  for (let at = 0; at < TEXT.length; at += nEach) {
    const inputs = TEXT.slice(at, at + nEach);
    const parts = sequences.map((sequence, slot) => {
      return { sequence, inputs, slot, logitsFrom: 0, adapter: carried[slot]! };
    });
    on.forward(parts, (part, index, row) => (seen[part]![at + index] = on.logits(row).slice()));
  }
  return seen;
}

describe('a decoder with adapters', () => {
  let decoder: Decoder;
  let poet: AdapterHandle;
  let clerk: AdapterHandle;
  let expected: Record<'base' | 'poet' | 'clerk', Float32Array[]>;
  beforeAll(async () => {
    const options = { adapterBytes: ADAPTER_BYTES };
    ({ decoder } = await decoderFrom(STORIES_FILE, 'lossless', options));
    const all = Object.keys(PLAIN_NAMES) as Projection[];
    const [a, b] = [await adapted('poet', all, 0.7), await adapted('clerk', ['qProj', 'vProj'], 2)];
    poet = decoder.addAdapter(a.tensors);
    clerk = decoder.addAdapter(b.tensors);
    const base = new Llama2cReference(new Uint8Array(await readFile(STORIES_FILE)));
    expected = {
      base: plainLogits(base),
      poet: plainLogits(a.plain),
      clerk: plainLogits(b.plain),
    };
  });

  it('gives each row what the plain model with that adapter gives, all in one pass', () => {
    const { base, poet: versed, clerk: filed } = expected;
    expect(largestGap(base, versed)).toBeGreaterThan(1);
    expect(largestGap(base, filed)).toBeGreaterThan(1);
    const seen = sideBySide(decoder, [null, poet, null, clerk, poet], 9);
    const gaps = [base, versed, base, filed, versed].map((of, i) => largestGap(of, seen[i]!));
    for (const gap of gaps) expect(gap).toBeLessThan(LOGIT_DIFFERENCE);
  });

  it('changes no bit of rows that carry none, and depends on no mates', async () => {
    const { decoder: without } = await decoderFrom(STORIES_FILE, 'lossless');
    const [base] = sideBySide(without, [null], 48);
    const mixed = sideBySide(decoder, [poet, null, clerk], 16);
    expect(mixed[1]).toEqual(base);
    expect(mixed[0]).toEqual(sideBySide(decoder, [poet], 48)[0]);
    expect(mixed[2]).toEqual(sideBySide(decoder, [clerk], 1)[0]);
  });

  it('follows rows where only some of a pass go on to the logits', () => {
    const pool = new PagePool(decoder.limits.nPage);
    const parts = [null, poet, clerk].map((adapter, slot) => {
      const sequence = new Sequence(pool);
      sequence.reserve(16);
      return { sequence, inputs: TEXT.slice(0, 16), slot, logitsFrom: 16 - slot, adapter };
    });
    const seen = new Map<number, Float32Array[]>();
    decoder.forward(parts, (part, _, row) => {
      seen.set(part, [...(seen.get(part) ?? []), decoder.logits(row).slice()]);
    });
    expect([...seen.keys()]).toEqual([1, 2]);
    expect(largestGap(seen.get(1)!, expected.poet.slice(15, 16))).toBeLessThan(LOGIT_DIFFERENCE);
    expect(largestGap(seen.get(2)!, expected.clerk.slice(14, 16))).toBeLessThan(LOGIT_DIFFERENCE);
  });

  it('serves generations that carry it beside others, and keeps their prefixes apart', async () => {
    const copyPage = (from: number, to: number): void => decoder.copyPage(from, to);
    const scheduler = new Scheduler({ ...decoder.limits, copyPage });
    const loop = new StepLoop(
      decoder,
      scheduler,
      plainTurns(() => Promise.resolve()),
    );
    let age = 0;
    const say = async (adapter: AdapterHandle | null) => {
      const options = { age: age++, nCtx: 512, keep: true, draftModel: null, adapter };
      const asked = request({ promptTokens: TEXT, maxTokens: 20 });
      const tokens: number[] = [];
      let cached = -1;
      const generation = new Generation(decoder, asked, options);
      for await (const event of loop.run(generation, new AbortController().signal)) {
        if (event.type === 'token') tokens.push(event.token);
        if (event.type === 'done') cached = event.usage.cachedTokens;
      }
      return { tokens, cached };
    };
    const alone = [await say(null), await say(poet), await say(clerk)];
    expect(alone.map(({ cached }) => cached)).toEqual([0, 0, 0]);
    const firsts = (['base', 'poet', 'clerk'] as const).map((name) => {
      const last = expected[name].at(-1);
      return last.indexOf(Math.max(...last));
    });
    expect(alone.map(({ tokens }) => tokens[0])).toEqual(firsts);
    const beside = await Promise.all([say(poet), say(null), say(clerk)]);
    expect(beside.map(({ tokens }) => tokens)).toEqual([1, 0, 2].map((i) => alone[i]!.tokens));
    expect(beside.map(({ cached }) => cached)).toEqual([47, 47, 47]);
  });

  it.each([
    ['an id twice', { id: 'poet' }, 'E_REQUEST_INVALID', /"poet" is taken/],
    ['too large a rank', { rank: 65 }, 'E_REQUEST_INVALID', /rank 65; expected 1 to 64/],
    ['a weight there is not', { name: 'layers.9.qProj' }, 'E_TENSOR_MISSING', /layers\.9\.qProj/],
    ['the embedding', { name: 'tokEmbd' }, 'E_TENSOR_MISSING', /tokEmbd cannot be adapted/],
    ['another width', { name: 'layers.0.downProj' }, 'E_TENSOR_SHAPE', /\[4, 172\] and \[64, 4\]/],
  ] as const)(
    'refuses %s',
    (
      _,
      {
        id = 'other',
        rank = RANK,
        name = 'layers.0.qProj',
      }: {
        id?: string;
        rank?: number;
        name?: string;
      },
      code,
      message,
    ) => {
      const pairs = new Map([[name, randomPair(64, 64, 1)]]);
      expect(() => decoder.addAdapter({ id, rank, scale: 1, pairs })).toThrow(
        expect.objectContaining({
          code,
          message: expect.stringMatching(message) as string,
        }) as Error,
      );
    },
  );

  it('refuses more than was planned for, with both numbers', async () => {
    const { tensors } = await adapted('poet', ['qProj'], 1);
    const { decoder: small } = await decoderFrom(STORIES_FILE, 'lossless', { adapterBytes: 8192 });
    expect(() => small.addAdapter(tensors)).toThrow(
      expect.objectContaining({
        code: 'E_MEMORY_BUDGET',
        details: { id: 'poet', needed: 20480, bytes: 8192 },
      }) as Error,
    );
    // Nothing of it was taken: a smaller one still fits.
    const pairs = new Map([...tensors.pairs].slice(0, 2));
    expect(small.addAdapter({ ...tensors, pairs })).toEqual({ id: 'poet' });
  });
});
