/**
 * A text's logits, bit by bit, in every family: a token at a time and alone, or many at a time beside
 * another text. What a family adds (experts, windows, norms of heads) must not look at its neighbours.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { archByName } from '../../engine/archs/index.ts';
import { FAMILY_FIXTURES } from '../support/family-fixtures.ts';
import { configOf, tensorsOf, titleOf } from '../support/fixture-model.ts';
import { decoderFrom, temporaryFolder } from '../support/models.ts';
import { randomTokens } from '../support/random-llama.ts';
import { familyGguf } from '../support/random-model.ts';
import { TextReader } from '../support/text-reader.ts';

/** More than two windows of the fixtures that have one. */
const TEXTS = [randomTokens(56, 1), randomTokens(56, 2)];

const CASES = FAMILY_FIXTURES.flatMap((fixture) =>
  (['lossless', 'q8'] as const).map((preset) => [titleOf(fixture), preset, fixture] as const),
);

it.each(CASES)('%s, %s', async (_, preset, fixture) => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'tiny.gguf');
  const arch = archByName(fixture.family);
  const tensors = tensorsOf(fixture);
  const { gguf, ggufTensors } = fixture;
  await writeFile(file, familyGguf(arch, configOf(fixture), tensors, gguf, ggufTensors));
  const { decoder } = await decoderFrom(file, preset);

  const alone = new TextReader(decoder, TEXTS);
  while (alone.left(0) > 0) alone.pass([1, 0]);
  expect(new Set(alone.seen[0]).size).toBe(TEXTS[0]!.length);
  const together = new TextReader(decoder, TEXTS);
  for (const counts of [
    [1, 9],
    [6, 3],
    [31, 17],
    [5, 1],
    [2, 2],
    [11, 0],
  ])
    together.pass(counts);
  expect(together.left(0)).toBe(0);
  expect(together.seen[0]!.map((logits, i) => logits === alone.seen[0]![i])).toEqual(
    TEXTS[0]!.map(() => true),
  );
});
