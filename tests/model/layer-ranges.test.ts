/** Layers in two decoders with pages of their own, hidden rows carried between them: the same bits. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { archByName } from '../../engine/archs/index.ts';
import { PagePool, Sequence } from '../../engine/cache/pages.ts';
import type { BatchPart } from '../../engine/model/decoder/contract.ts';
import { placeOf } from '../../engine/model/decoder/decoder.ts';
import type { Decoder } from '../../engine/model/decoder/decoder.ts';
import { FAMILY_FIXTURES } from '../support/family-fixtures.ts';
import { configOf, FAMILY_TEXT, tensorsOf, titleOf } from '../support/fixture-model.ts';
import { decoderFrom, temporaryFolder } from '../support/models.ts';
import { randomTokens } from '../support/random-llama.ts';
import { familyGguf } from '../support/random-model.ts';

const TEXTS = [FAMILY_TEXT, randomTokens(80, 6)];
/** Rows of each text in the passes, one after the other: prompts, one token, drafts. */
const PASSES = [
  [24, 24],
  [1, 30],
  [40, 1],
  [1, 1],
  [0, 5],
  [4, 3],
  [10, 16],
] as const;

/** Sequences of one isolate, over a pool of its own. */
class Side {
  readonly decoder: Decoder;
  readonly sequences: readonly Sequence[];

  /** @param nBefore pages that others hold, so that no two sides have the same numbers */
  constructor(decoder: Decoder, nBefore: number) {
    const pool = new PagePool(decoder.limits.nPage);
    for (let i = 0; i < nBefore; i++) pool.take();
    this.decoder = decoder;
    this.sequences = TEXTS.map(() => new Sequence(pool));
    for (const [i, sequence] of this.sequences.entries()) sequence.reserve(TEXTS[i]!.length);
  }

  parts(counts: readonly number[]): BatchPart[] {
    return this.sequences.flatMap((sequence, slot) => {
      const start = sequence.items.length;
      const inputs = TEXTS[slot]!.slice(start, start + counts[slot]!);
      // Not every row wants logits: the last layer moves rows together.
      const logitsFrom = inputs.length >> 1;
      return inputs.length === 0 ? [] : [{ inputs, sequence, slot, logitsFrom, adapter: null }];
    });
  }

  append(parts: readonly BatchPart[]): void {
    for (const { sequence, inputs } of parts) sequence.items.push(...(inputs as number[]));
  }
}

type Bits = [part: number, index: number, bits: string][];

function collect(decoder: Decoder, into: Bits) {
  return (part: number, index: number, row: number): void => {
    const bits = new Uint32Array(decoder.logits(row).slice().buffer);
    into.push([part, index, bits.join()]);
  };
}

function whole(side: Side, counts: readonly number[]): Bits {
  const bits: Bits = [];
  side.decoder.forward(side.parts(counts), collect(side.decoder, bits));
  return bits;
}

/** Embedding, layers [0, k) and the head on one side, layers [k, n) on the other. */
function divided(leader: Side, follower: Side, counts: readonly number[], k: number): Bits {
  const { nLayer } = leader.decoder.config;
  const [own, theirs] = [leader.parts(counts), follower.parts(counts)];
  const places = own.map(placeOf);
  leader.decoder.embed(own);
  const nRow = leader.decoder.layers(places, 0, k);
  // What would travel: plain data, and rows of f32.
  const sent = structuredClone({
    rows: leader.decoder.hidden(nRow).slice(),
    places: theirs.map(placeOf),
  });
  follower.decoder.hidden(nRow).set(sent.rows);
  const nLeft = follower.decoder.layers(sent.places, k, nLayer);
  const bits: Bits = [];
  if (nLeft > 0) {
    leader.decoder.hidden(nLeft).set(follower.decoder.hidden(nLeft));
    leader.decoder.head(places, collect(leader.decoder, bits));
  }
  leader.append(own);
  follower.append(theirs);
  return bits;
}

const FIXTURES = FAMILY_FIXTURES.filter(({ variant }) => variant === undefined);

describe.each(FIXTURES.map((fixture) => [titleOf(fixture), fixture] as const))(
  '%s',
  (_, fixture) => {
    it.each(['lossless', 'q8'])(
      'gives forward’s logits wherever it is divided, %s',
      async (preset) => {
        await using folder = await temporaryFolder();
        const file = join(folder.path, 'tiny.gguf');
        const arch = archByName(fixture.family);
        const wide = { ...fixture, config: { ...fixture.config, nCtx: 512 } };
        await writeFile(
          file,
          familyGguf(arch, configOf(wide), tensorsOf(wide), fixture.gguf, fixture.ggufTensors),
        );
        const [a, b] = [await decoderFrom(file, preset), await decoderFrom(file, preset)];
        const { nLayer } = a.decoder.config;
        const reference = new Side(a.decoder, 0);
        const expected = PASSES.map((counts) => whole(reference, counts));
        expect(new Set(expected.flat().map(([, , bits]) => bits)).size).toBeGreaterThan(60);
        for (const k of new Set([0, 1, nLayer - 1, nLayer])) {
          const [leader, follower] = [new Side(a.decoder, 0), new Side(b.decoder, 7)];
          expect(PASSES.map((counts) => divided(leader, follower, counts, k))).toEqual(expected);
        }
      },
    );
  },
);

it('layers that do not exist and rows that are none are refused', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'tiny.gguf');
  const [fixture] = FIXTURES;
  await writeFile(file, familyGguf(archByName('llama'), configOf(fixture!), tensorsOf(fixture!)));
  const { decoder } = await decoderFrom(file, 'lossless');
  const places = new Side(decoder, 0).parts([3, 0]).map(placeOf);
  for (const [from, to] of [
    [-1, 1],
    [0, 3],
    [2, 1],
    [0, NaN],
  ] as const)
    expect(() => decoder.layers(places, from, to)).toThrow(/layers: \[.*\) of 2/);
  for (const nRow of [0, 49]) expect(() => decoder.hidden(nRow)).toThrow(/expected 1 to 48/);
});
