import { describe, expect, test } from 'vitest';
import { joinedSource, memorySource } from '../../engine/formats/byte-source.ts';
import { readCtranslate2, startsLikeCtranslate2 } from '../../engine/formats/ctranslate2.ts';
import { writeCtranslate2 } from '../support/ctranslate2-writer.ts';
import { bitFlips, extremes, outcome, truncations, WatchedSource } from '../support/hostile.ts';
import { randomValues } from '../support/random.ts';

const VARIABLES = [
  { name: 'decoder/embeddings/weight', dims: [5, 4], values: randomValues(20, 1) },
  { name: 'encoder/conv1/weight', dims: [2, 3, 3], values: randomValues(18, 2) },
  { name: 'encoder/conv1/bias', dims: [2], values: randomValues(2, 3) },
];
const SCALARS = { 'decoder/num_heads': 2, 'decoder/alignment_layer': -1 };
const ALIASES = { 'decoder/projection/weight': 'decoder/embeddings/weight' };
const GOOD = writeCtranslate2(VARIABLES, SCALARS, ALIASES);

/** Where a text stands in GOOD. */
function placeOf(text: string): number {
  return new TextDecoder('latin1').decode(GOOD).indexOf(text);
}

/** GOOD with a text replaced by one of the same length. */
function replaced(from: string, to: string): Uint8Array {
  const copy = GOOD.slice();
  copy.set(new TextEncoder().encode(to), placeOf(from));
  return copy;
}

describe('readCtranslate2', () => {
  test('finds every tensor, setting and alias', async () => {
    const file = await readCtranslate2(memorySource('model.bin', GOOD));
    expect(file).toMatchObject({ spec: 'WhisperSpec', revision: 3 });
    expect(file.tensors.map(({ name, dims, dtype }) => ({ name, dims, dtype }))).toEqual(
      VARIABLES.map(({ name, dims }) => ({ name, dims, dtype: 'F32' })),
    );
    for (const [i, { source, offset, bytes }] of file.tensors.entries()) {
      const data = await source.read(offset, bytes);
      expect(new Float32Array(data.slice().buffer)).toEqual(VARIABLES[i]!.values);
    }
    expect(Object.fromEntries(file.scalars)).toEqual(SCALARS);
    expect(Object.fromEntries(file.aliases)).toEqual(ALIASES);
  });

  test('reads parts as one file, wherever they were cut', async () => {
    const whole = await readCtranslate2(memorySource('model.bin', GOOD));
    for (const cut of [1, 30, 100, GOOD.length - 1]) {
      const parts = [GOOD.slice(0, cut), GOOD.slice(cut)].map((part, i) =>
        memorySource(`model.bin.part${i + 1}`, part),
      );
      const joined = await readCtranslate2(joinedSource('model.bin', parts));
      for (const [i, tensor] of joined.tensors.entries()) {
        const { offset, bytes } = whole.tensors[i]!;
        expect(await tensor.source.read(tensor.offset, tensor.bytes)).toEqual(
          GOOD.slice(offset, offset + bytes),
        );
      }
    }
  });

  test.each([
    ['nothing', new Uint8Array(0), 'E_FORMAT_MAGIC', 'not a CTranslate2 model'],
    ['other bytes', new Uint8Array(200).fill(0x41), 'E_FORMAT_MAGIC', 'not a CTranslate2 model'],
    [
      'another version',
      writeCtranslate2(VARIABLES, {}, {}, { version: 5 }),
      'E_FORMAT_VERSION',
      'expected 6',
    ],
    [
      'a name twice',
      writeCtranslate2([...VARIABLES, VARIABLES[0]!], {}),
      'E_FORMAT_INVALID',
      'twice',
    ],
    [
      'an alias of nothing',
      writeCtranslate2(VARIABLES, {}, { a: 'nowhere' }),
      'E_FORMAT_INVALID',
      'alias a of nowhere',
    ],
    [
      'bytes behind the end',
      Uint8Array.of(...GOOD, 1),
      'E_FORMAT_INVALID',
      'behind the last alias',
    ],
    [
      'a name that is no text',
      replaced('encoder/conv1/bias', 'encoder\nconv1/bias'),
      'E_FORMAT_INVALID',
      'no text',
    ],
  ])('refuses %s', async (_, data, code, message) => {
    const reading = readCtranslate2(memorySource('model.bin', data));
    await expect(reading).rejects.toMatchObject({ code });
    await expect(reading).rejects.toThrow(message);
  });

  test('names the way out for weights that CTranslate2 quantized', async () => {
    const copy = GOOD.slice();
    const name = placeOf('encoder/conv1/weight');
    // Behind the name, its zero byte, the rank and three dimensions stands the type; F32 and i32 are as long.
    copy[name + 'encoder/conv1/weight'.length + 2 + 12] = 3;
    const reading = readCtranslate2(memorySource('model.bin', copy));
    await expect(reading).rejects.toMatchObject({ code: 'E_DTYPE_UNSUPPORTED' });
    await expect(reading).rejects.toThrow('--quantization float16');
  });

  test('survives any damage with an error of its own', async () => {
    const damaged = [
      ...truncations(GOOD, 200, 7),
      ...bitFlips(GOOD, { count: 400, within: GOOD.length, seed: 5 }),
      ...extremes(GOOD, GOOD.length, 3),
    ];
    const seen = new Set<string>();
    for (const data of damaged) {
      const source = new WatchedSource(data);
      seen.add(await outcome(() => readCtranslate2(source)));
      expect(source.readBytes).toBeLessThan(data.length * 40 + 1000);
    }
    expect(seen).toContain('E_FORMAT_INVALID');
    expect(seen).toContain('E_FORMAT_MAGIC');
  });

  test('is told from other files by its head', () => {
    expect(startsLikeCtranslate2(GOOD.subarray(0, 72))).toBe(true);
    expect(startsLikeCtranslate2(new Uint8Array(72))).toBe(false);
    expect(startsLikeCtranslate2(new Uint8Array(3))).toBe(false);
  });
});
