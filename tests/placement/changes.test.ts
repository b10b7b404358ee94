/** A record changed step by step: versions, canaries, names, sizes. */
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../engine/base/errors.ts';
import { findPlaced, parsePlacement } from '../../engine/manifest/placement.ts';
import type { PlacedModel, Placement } from '../../engine/manifest/placement.ts';
import { budgetOfMemory } from '../../engine/placement/assign.ts';
import {
  addModel,
  emptyPlacement,
  removeModel,
  resizePool,
  rollBack,
  setAlias,
  useModel,
} from '../../engine/placement/changes.ts';
import type { PlacedManifest } from '../../engine/placement/needs.ts';
import { MIDDLE, SMALL, version } from './planned-models.ts';

const [A, B, C] = [version(10), version(11), version(12)];

function filled(): Placement {
  let placement = addModel(emptyPlacement({ nIsolate: 8 }), MIDDLE, A);
  placement = addModel(placement, SMALL, A);
  return setAlias(useModel(placement, 'middle'), 'gpt-4o', 'small');
}

const manifestOf = ({ id }: PlacedModel): PlacedManifest => (id === 'small' ? SMALL : MIDDLE);

/** What every change must leave: a record that readers accept. */
function accepted(placement: Placement): Placement {
  return parsePlacement(JSON.parse(JSON.stringify(placement)));
}

describe('versions', () => {
  test('every change is a revision', () => {
    expect(filled().revision).toBe(4);
    expect(Date.parse(filled().createdAt)).not.toBeNaN();
  });

  test('a new version answers, the one before keeps its place, the third is forgotten', () => {
    let placement = addModel(filled(), SMALL, B);
    expect(placement.serving['small']).toEqual({ version: B, canary: null, previous: A });
    expect(findPlaced(placement, 'small', A)).toBeDefined();
    placement = accepted(addModel(placement, SMALL, C));
    expect(placement.serving['small']).toEqual({ version: C, canary: null, previous: B });
    expect(findPlaced(placement, 'small', A)).toBeUndefined();
  });

  test('rolling back twice is where one began', () => {
    const pushed = addModel(filled(), SMALL, B);
    const back = accepted(rollBack(pushed, 'small'));
    expect(back.serving['small']).toEqual({ version: A, canary: null, previous: B });
    expect(rollBack(back, 'small').serving).toEqual(pushed.serving);
  });

  test('a canary answers a share; rolled back it is gone, pushed it answers all', () => {
    const canary = accepted(addModel(filled(), SMALL, B, { canaryPercent: 10 }));
    const both = { version: A, canary: { version: B, percent: 10 }, previous: null };
    expect(canary.serving['small']).toEqual(both);
    const ended = { version: A, canary: null, previous: null };
    expect(rollBack(canary, 'small').serving['small']).toEqual(ended);
    const promoted = addModel(canary, SMALL, B);
    expect(promoted.serving['small']).toEqual({ version: B, canary: null, previous: A });
    const another = addModel(canary, SMALL, C, { canaryPercent: 50 });
    expect(findPlaced(another, 'small', B)).toBeUndefined();
    expect(another.serving['small']).toMatchObject({ version: A, canary: { version: C } });
  });

  test('a canary needs another version that answers', () => {
    const options = { canaryPercent: 10 };
    expect(() => addModel(emptyPlacement(), SMALL, A, options)).toThrow(
      /no version of it answers yet.*thimble push small/,
    );
    expect(() => addModel(filled(), SMALL, A, options)).toThrow(/version \w+ answers already/);
  });

  test('there is nothing to roll back to after the first version', () => {
    expect(() => rollBack(filled(), 'small')).toThrow(/no earlier version.*thimble push small/);
    expect(() => rollBack(filled(), 'nope')).toThrow(/expected one of: middle, small/);
  });
});

describe('names', () => {
  test('a removed model takes its aliases and its being the default along', () => {
    const without = accepted(removeModel(removeModel(filled(), 'small'), 'middle'));
    expect(without).toMatchObject({ models: [], serving: {}, aliases: {}, defaultModel: null });
    expect(() => removeModel(without, 'small')).toThrow(/none yet/);
  });

  test.each(['', '__proto__', ' x', 'x'.repeat(65), 'a b', 'middle'])(
    '%j cannot be an alias',
    (name) => {
      expect(() => setAlias(filled(), name, 'small')).toThrow(EngineError);
    },
  );

  test('an alias of a model that is not there, and one that is not there itself, are refused', () => {
    expect(() => setAlias(filled(), 'other', 'nope')).toThrow(/no model "nope"/);
    expect(() => setAlias(filled(), 'other', null)).toThrow(/expected one of: gpt-4o/);
    expect(setAlias(filled(), 'gpt-4o', null).aliases).toEqual({});
  });

  test('only a text model can be the default', () => {
    const placement = filled();
    const models = placement.models.map((model) =>
      model.id === 'small' ? { ...model, kind: 'encoder' as const } : model,
    );
    expect(() => useModel({ ...placement, models }, 'small')).toThrow(/of kind encoder/);
    expect(useModel(placement, 'small').defaultModel).toBe('small');
  });
});

describe('another size', () => {
  test('a pool that grows moves nothing', () => {
    const before = filled();
    const after = accepted(resizePool(before, { nIsolate: 20 }, { manifestOf }));
    expect(after).toMatchObject({ nIsolate: 20, models: before.models, serving: before.serving });
  });

  test('one that shrinks places the default model first; the other takes turns', () => {
    const needed = filled().models[0]!.replicas[0]!.pieces.length;
    const after = accepted(resizePool(filled(), { nIsolate: needed }, { manifestOf }));
    expect(after.models.map(({ id, shares }) => [id, shares])).toEqual([
      ['middle', false],
      ['small', true],
    ]);
    expect(after).toMatchObject({ aliases: { 'gpt-4o': 'small' }, defaultModel: 'middle' });
  });

  test('one that is too small is refused, or leaves the model out', () => {
    expect(() => resizePool(filled(), { nIsolate: 1 }, { manifestOf })).toThrow(/--isolates \d+/);
    const leftOut: string[] = [];
    const onRefused = (id: string) => leftOut.push(id);
    const after = accepted(resizePool(filled(), { nIsolate: 1 }, { manifestOf, onRefused }));
    expect(leftOut).toEqual(['middle']);
    expect(after.models.map(({ id }) => id)).toEqual(['small']);
    expect(after.defaultModel).toBeNull();
  });

  test('models whose files are gone are forgotten, with their names', () => {
    const gone = (model: PlacedModel) => (model.id === 'small' ? null : manifestOf(model));
    const after = accepted(resizePool(filled(), {}, { manifestOf: gone }));
    expect(after.models.map(({ id }) => id)).toEqual(['middle']);
    expect(after).toMatchObject({ aliases: {}, defaultModel: 'middle' });
  });

  test('canaries and earlier versions are placed as well', () => {
    const large = { budgetBytes: budgetOfMemory(2_000_000_000) };
    const canary = addModel(filled(), SMALL, B, { canaryPercent: 10 });
    expect(resizePool(canary, large, { manifestOf }).serving).toEqual(canary.serving);
    const pushed = addModel(filled(), SMALL, B);
    const after = accepted(resizePool(pushed, large, { manifestOf }));
    expect(after.serving).toEqual(pushed.serving);
    expect(findPlaced(after, 'small', A)).toBeDefined();
  });

  test('copies stay copies; a context that was asked for stays, one that followed from the pool grows', () => {
    const pool = emptyPlacement({ nIsolate: 12 });
    const large = { nIsolate: 4, budgetBytes: budgetOfMemory(2_000_000_000) };
    const asked = addModel(pool, SMALL, A, { nCtx: 512, nReplica: 2 });
    const after = resizePool(asked, large, { manifestOf }).models[0]!;
    expect(after).toMatchObject({ nCtx: 512, replicas: { length: 2 } });
    const short = { ...addModel(pool, SMALL, A) };
    const grown = resizePool(short, large, { manifestOf }).models[0]!;
    expect(grown.nCtx).toBe(2048);
    expect(grown.replicas[0]!.pieces).toHaveLength(1);
  });
});
