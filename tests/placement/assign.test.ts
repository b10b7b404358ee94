/** Where models go, as arithmetic: nothing is loaded. */
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../engine/base/errors.ts';
import { checkAgainst, MAX_ISOLATES, parsePlacement } from '../../engine/manifest/placement.ts';
import type { PlacedModel, Placement } from '../../engine/manifest/placement.ts';
import { JS_HEAP_BYTES } from '../../engine/model/memory/budget.ts';
import { pieceOf } from '../../engine/model/decoder/piece.ts';
import {
  assign,
  budgetOfMemory,
  freeBytes,
  isolatesNeeded,
} from '../../engine/placement/assign.ts';
import { addModel, emptyPlacement } from '../../engine/placement/changes.ts';
import { tokenCost } from '../../engine/placement/cost.ts';
import { leaderBytes, LINK_BYTES, pieceBytes, wholeBytes } from '../../engine/placement/needs.ts';
import { seededRandom } from '../support/random.ts';
import { LARGE, MIDDLE, modelOf, randomModel, SMALL, version } from './planned-models.ts';

const V = version(1);

function isolatesOf({ replicas }: PlacedModel): number[][] {
  return replicas.map(({ pieces }) => pieces.map(({ isolate }) => isolate));
}

function refusalOf(run: () => unknown): EngineError {
  try {
    run();
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('random models in random pools', () => {
  test.each(Array.from({ length: 60 }, (_, seed) => seed))('seed %i', (seed) => {
    const random = seededRandom(1000 + seed);
    const budgetBytes = 40_000_000 + Math.floor(random() * 200_000_000);
    const nIsolate = 1 + Math.floor(random() * 24);
    let placement = emptyPlacement({ nIsolate, budgetBytes });
    const models = [0, 1, 2].map((i) => ({ ...randomModel(seed * 3 + i), id: `m${i}` }));
    for (const [i, manifest] of models.entries()) {
      const options = { nReplica: 1 + Math.floor(random() * 2) };
      try {
        placement = addModel(placement, manifest, version(i), options);
      } catch (error) {
        // The refusal's own advice works in an empty pool of that size.
        expect(error).toMatchObject({ code: 'E_MEMORY_BUDGET' });
        const [, advised] = /--isolates (\d+)\.$/.exec((error as EngineError).message) ?? [];
        if (advised === undefined) continue;
        const larger = emptyPlacement({ nIsolate: Number(advised), budgetBytes });
        expect(() => addModel(larger, manifest, version(i), options)).not.toThrow();
        continue;
      }
    }
    // Whatever was placed is what readers accept: covers without hole or overlap, within the budget.
    parsePlacement(JSON.parse(JSON.stringify(placement)));
    for (const placed of placement.models) {
      const manifest = models.find(({ id }) => id === placed.id)!;
      checkAgainst(placed, manifest.config);
      for (const { pieces } of placed.replicas)
        for (const [k, piece] of pieces.entries()) {
          const beside = pieces.length === 1 ? 0 : k === 0 ? leaderBytes(manifest) : LINK_BYTES;
          const planned = pieceBytes(manifest, piece, { nCtx: placed.nCtx! });
          expect(piece.bytes).toBe(planned + beside);
          expect(piece.bytes).toBeLessThanOrEqual(budgetBytes - JS_HEAP_BYTES);
        }
      const all = isolatesOf(placed).flat();
      expect(new Set(all).size, 'copies share no isolate').toBe(all.length);
    }
    const isCrowded = freeBytes(placement, placement.models).some((free) => free < 0);
    expect(placement.models.some(({ shares }) => shares)).toBe(isCrowded);
  });
});

describe('a pool of 128 MB isolates', () => {
  const pool = emptyPlacement({ nIsolate: 8 });

  test('a small model is whole in one, with less context if need be', () => {
    const placed = assign(pool, SMALL, V);
    expect(isolatesOf(placed)).toEqual([[0]]);
    expect(placed.nCtx).toBeGreaterThanOrEqual(1024);
    expect(placed.replicas[0]!.pieces[0]).toMatchObject({ layers: [0, 30], rows: [0, 49_152] });
  });

  test('beside others that leave no whole isolate it is cut, with the usual context', () => {
    const two = emptyPlacement({ nIsolate: 2 });
    const tiny = modelOf('tiny', { ...SMALL.config, nLayer: 8, nVocab: 4096 });
    const both = ['a', 'b'].reduce((now, id) => addModel(now, { ...tiny, id }, V), two);
    const placed = assign(both, SMALL, V);
    expect(placed.replicas[0]!.pieces).toHaveLength(2);
    expect(placed).toMatchObject({ nCtx: 2048, shares: false });
  });

  test('a context that is asked for cuts it instead', () => {
    const placed = assign(pool, SMALL, V, { nCtx: 8192 });
    expect(placed.nCtx).toBe(8192);
    expect(isolatesOf(placed)[0]!.length).toBeGreaterThan(1);
  });

  test('more context than the model was trained for is not planned', () => {
    expect(assign(pool, SMALL, V, { nCtx: 1_000_000 }).nCtx).toBe(8192);
  });

  test('a model of half a billion weights takes as few as it can, evenly full', () => {
    const { pieces } = assign(pool, MIDDLE, V).replicas[0]!;
    expect(pieces).toHaveLength(isolatesNeeded(MIDDLE, pool.budgetBytes, 2048)!);
    const sizes = pieces.map(({ bytes }) => bytes);
    expect(Math.min(...sizes)).toBeGreaterThan(0.7 * Math.max(...sizes));
    // Pieces are made of whole shards.
    for (const piece of pieces) expect(pieceOf(MIDDLE, piece).shards.length).toBeGreaterThan(0);
  });

  test('models keep apart while there is room, then lie side by side, then take turns', () => {
    const tiny = modelOf('tiny', { ...SMALL.config, nLayer: 2, nVocab: 4096 });
    let now = addModel(pool, MIDDLE, V);
    const taken = new Set(isolatesOf(now.models[0]!).flat());
    for (let i = taken.size; i < 8; i++) now = addModel(now, { ...tiny, id: `tiny${i}` }, V);
    expect(new Set(now.models.flatMap((model) => isolatesOf(model).flat())).size).toBe(8);
    const beside = addModel(now, { ...tiny, id: 'beside' }, V);
    expect(beside.models.at(-1).shares).toBe(false);
    const inTurn = addModel({ ...beside, defaultModel: 'middle' }, { ...SMALL, id: 'other' }, V);
    expect(addModel(inTurn, { ...MIDDLE, id: 'again' }, V).models.at(-1).shares).toBe(true);
  });

  test('what takes turns keeps away from the default model', () => {
    const four = emptyPlacement({ nIsolate: 2 });
    let now = addModel(four, { ...SMALL, id: 'main' }, V);
    now = { ...addModel(now, { ...SMALL, id: 'second' }, V), defaultModel: 'main' };
    const third = addModel(now, { ...SMALL, id: 'third' }, V).models.at(-1);
    expect(third.shares).toBe(true);
    expect(isolatesOf(third)).toEqual([[1]]);
  });

  test('those that take turns spread over the isolates', () => {
    const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
    const now = ids.reduce<Placement>(
      (placement, id) => addModel(placement, { ...SMALL, id }, V, { nCtx: 1024 }),
      emptyPlacement({ nIsolate: 3 }),
    );
    expect(now.models.map((model) => isolatesOf(model)[0]![0])).toEqual([0, 1, 2, 0, 1, 2]);
  });

  test('what lies beside others keeps away from the default model while it can', () => {
    const large = { nIsolate: 2, budgetBytes: budgetOfMemory(2_000_000_000) };
    let now = addModel(emptyPlacement({ ...large }), MIDDLE, V);
    now = { ...addModel(now, SMALL, V), defaultModel: 'middle' };
    expect(isolatesOf(addModel(now, { ...SMALL, id: 'third' }, V).models[2]!)).toEqual([[1]]);
  });

  test('where the usual context would fit, the refusal says so', () => {
    const needed = isolatesNeeded(MIDDLE, pool.budgetBytes, 2048)!;
    const exact = emptyPlacement({ nIsolate: needed });
    const { message } = refusalOf(() => assign(exact, MIDDLE, V, { nCtx: 32_768 }));
    expect(message).toMatch(/--isolates \d+, or ask for less context: --ctx 2048\.$/);
    expect(() => assign(exact, MIDDLE, V, { nCtx: 2048 })).not.toThrow();
  });

  test('copies lie apart, and more than the pool holds are refused with the number that works', () => {
    const twice = assign(emptyPlacement({ nIsolate: 12 }), MIDDLE, V, { nReplica: 2 });
    const [first, second] = isolatesOf(twice);
    expect(first!.filter((i) => second!.includes(i))).toEqual([]);
    const needed = 2 * first!.length;
    const short = emptyPlacement({ nIsolate: needed - 1 });
    const refusal = refusalOf(() => assign(short, MIDDLE, V, { nReplica: 2 }));
    expect(refusal.code).toBe('E_MEMORY_BUDGET');
    expect(refusal.message).toContain(`--isolates ${needed}`);
    expect(refusal.details).toMatchObject({ needed: first!.length, nReplica: 2 });
  });

  test('copies that no pool holds are refused with as many as one does', () => {
    const needed = isolatesNeeded(LARGE, pool.budgetBytes, 2048)!;
    const refusal = refusalOf(() => assign(pool, LARGE, V, { nReplica: 16 }));
    expect(needed * 16).toBeGreaterThan(MAX_ISOLATES);
    expect(refusal.message).toContain(`--replicas ${Math.floor(MAX_ISOLATES / needed)}.`);
  });
});

describe('memory of an isolate', () => {
  test('one large isolate holds a model that takes several small ones', () => {
    const large = emptyPlacement({ nIsolate: 2, budgetBytes: budgetOfMemory(2_000_000_000) });
    expect(isolatesOf(assign(large, MIDDLE, V))).toEqual([[0]]);
  });

  test('the memory that a refusal advises is enough', () => {
    const pool = emptyPlacement({ nIsolate: 4, budgetBytes: budgetOfMemory(25_000_000) });
    const { message } = refusalOf(() => assign(pool, MIDDLE, V));
    const [, gigabytes] = /--memory ([\d.]+)GB/.exec(message)!;
    const budgetBytes = budgetOfMemory(Number(gigabytes) * 1e9);
    const one: Placement = emptyPlacement({ nIsolate: 1, budgetBytes });
    expect(isolatesOf(assign(one, MIDDLE, V))).toEqual([[0]]);
  });

  test.each([0, -1, 1000, 21_000_000])('%i bytes hold no model at all', (memoryBytes) => {
    const refusal = refusalOf(() => budgetOfMemory(memoryBytes));
    expect(refusal.code).toBe('E_USAGE');
    expect(refusal.message).toContain(`${memoryBytes} bytes; expected more than 21000000`);
  });
});

describe('the cost of a token', () => {
  test('a whole model makes no calls', () => {
    const { replicas } = assign(emptyPlacement(), SMALL, V);
    const cost = tokenCost(SMALL, replicas[0]!);
    expect(cost).toMatchObject({ nCall: 0, callBytes: 0, sampledCallBytes: 0, nIsolate: 1 });
    expect(cost.weightBytes).toBeLessThan(wholeBytes(SMALL, {}));
  });

  test('a call to each other isolate: a row of 896 values and back, and an embedding with the head', () => {
    const pieces = [
      { isolate: 0, bytes: 1, layers: [0, 12], rows: [0, 0] },
      { isolate: 1, bytes: 1, layers: [12, 24], rows: [0, 51_936] },
      { isolate: 2, bytes: 1, layers: [0, 0], rows: [51_936, 151_936] },
    ] as { isolate: number; bytes: number; layers: [number, number]; rows: [number, number] }[];
    const cost = tokenCost(MIDDLE, { pieces });
    expect(cost).toMatchObject({ nCall: 2, callBytes: 5 * 896 * 4, nIsolate: 3 });
    expect(cost.sampledCallBytes - cost.callBytes).toBe(151_936 * 4);
  });

  test('of an untied embedding one row is read, of a tied one all of them for the head', () => {
    const untied = modelOf('untied', { ...SMALL.config, tiedHead: false });
    const pieces = assign(emptyPlacement(), untied, V).replicas[0]!;
    expect(tokenCost(untied, pieces).weightBytes).toBe(tokenCost(SMALL, pieces).weightBytes);
  });
});
