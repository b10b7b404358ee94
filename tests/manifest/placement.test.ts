/** The record of what lies where is hostile until it was checked. */
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../engine/base/errors.ts';
import { checkAgainst, MAX_ISOLATES, parsePlacement } from '../../engine/manifest/placement.ts';

const V = '0123456789abcdef';

/** A model of 10 layers and 100 rows in three pieces. */
function record() {
  return {
    formatVersion: 1,
    revision: 3,
    createdAt: '2026-11-28T00:00:00.000Z',
    nIsolate: 4,
    budgetBytes: 1000,
    overlap: false,
    defaultModel: 'm' as string | null,
    aliases: { other: 'm' } as Record<string, string>,
    serving: { m: { version: V, canary: null as unknown, previous: null as string | null } },
    models: [
      {
        id: 'm',
        version: V,
        kind: 'decoder',
        nCtx: 64 as number | null,
        shares: false,
        replicas: [
          {
            pieces: [
              { isolate: 0, bytes: 900, layers: [0, 6], rows: [0, 0] },
              { isolate: 2, bytes: 800, layers: [6, 10], rows: [0, 40] },
              { isolate: 3, bytes: 700, layers: [0, 0], rows: [40, 100] },
            ],
          },
        ],
      },
    ],
  };
}
type PlacedRecord = ReturnType<typeof record>;

function refusal(json: unknown): EngineError {
  try {
    parsePlacement(json);
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

const piecesOf = ({ models }: PlacedRecord) => models[0]!.replicas[0]!.pieces;

test('a record that holds together is accepted as it is', () => {
  expect(parsePlacement(record())).toEqual(record());
});

describe('contradictions', () => {
  const cases: Readonly<Record<string, readonly [(json: PlacedRecord) => void, string]>> = {
    'a hole between layers': [(r) => (piecesOf(r)[1]!.layers = [7, 10]), 'no piece holds layers 6'],
    'no first layer': [(r) => (piecesOf(r)[0]!.layers = [1, 6]), 'no piece holds layers 0 to 1'],
    'layers twice': [(r) => (piecesOf(r)[1]!.layers = [5, 10]), 'two pieces hold layers 5 to 6'],
    'rows twice': [(r) => (piecesOf(r)[2]!.rows = [30, 100]), 'two pieces hold rows of the voc'],
    'a hole between rows': [(r) => (piecesOf(r)[2]!.rows = [41, 100]), 'vocabulary 40 to 41'],
    'a range backwards': [(r) => (piecesOf(r)[0]!.layers = [6, 0]), 'layers'],
    'an isolate that is not there': [(r) => (piecesOf(r)[2]!.isolate = 4), 'expected 0 to 3'],
    'two pieces in one isolate': [(r) => (piecesOf(r)[2]!.isolate = 2), 'are in one isolate'],
    'a leader after its stages': [(r) => (piecesOf(r)[0]!.isolate = 3), 'in one isolate'],
    'a leader that is not the first': [
      (r) => ((piecesOf(r)[0]!.isolate = 3), (piecesOf(r)[2]!.isolate = 1)),
      'its leader is not in the first',
    ],
    'a piece above the budget': [(r) => (piecesOf(r)[0]!.bytes = 1001), 'larger than the budget'],
    'an encoder in pieces': [(r) => (r.models[0]!.kind = 'encoder'), 'encoder cannot be cut'],
    'a version that is not placed': [
      (r) => (r.serving.m.version = 'f'.repeat(16)),
      'serving.m: version ffffffffffffffff is not placed',
    ],
    'a canary that is not placed': [
      (r) => (r.serving.m.canary = { version: 'e'.repeat(16), percent: 5 }),
      'version eeeeeeeeeeeeeeee is not placed',
    ],
  };
  test.each(Object.keys(cases))('%s', (name) => {
    const [change, message] = cases[name]!;
    const json = record();
    change(json);
    const error = refusal(json);
    expect(error.code).toBe('E_PLACEMENT_INVALID');
    expect(error.message).toContain(message);
    expect(error.message).toContain('thimble plan --write');
  });
});

describe('wrong values', () => {
  const fields: Readonly<Record<string, readonly [unknown, string]>> = {
    formatVersion: [2, 'formatVersion'],
    revision: [-1, 'revision'],
    nIsolate: [MAX_ISOLATES + 1, 'nIsolate'],
    budgetBytes: [0, 'budgetBytes'],
    overlap: ['yes', 'overlap'],
    defaultModel: ['../etc', 'defaultModel'],
    aliases: [{ a: '' }, 'aliases.a'],
    models: [[{}], 'models.0'],
    serving: [null, 'serving'],
  };
  test.each(Object.keys(fields))('%s', (name) => {
    const [value, field] = fields[name]!;
    const error = refusal({ ...record(), [name]: value });
    expect(error.code).toBe('E_PLACEMENT_INVALID');
    expect(error.message).toContain(`placement: ${field}`);
  });

  test.each([null, 5, 'text', [], {}])('%j is no record', (json) => {
    expect(refusal(json).code).toBe('E_PLACEMENT_INVALID');
  });

  test.each([Number.NaN, 1.5, -1, '0'])('%s is no isolate', (isolate) => {
    const json = record();
    Object.assign(piecesOf(json)[0]!, { isolate });
    expect(refusal(json).message).toContain('models.0.replicas.0.pieces.0.isolate');
  });
});

test.each([
  [{ nLayer: 11, nVocab: 100 }, 'layers end at 10; the model has 11'],
  [{ nLayer: 10, nVocab: 99 }, 'rows end at 100; the model has 99'],
])('another model than the manifest describes: %j', (config, message) => {
  const [model] = parsePlacement(record()).models;
  expect(() => checkAgainst(model!, config)).toThrow(message);
});
