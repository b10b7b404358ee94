import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { SOURCE_DTYPE_NAMES, SOURCE_DTYPES } from '../../engine/formats/source-dtypes.ts';
import type { SourceDtype } from '../../engine/formats/source-dtypes.ts';
import { canCarry, carryMatrix } from '../../engine/quant/carry-over.ts';
import { dequantize } from '../../engine/quant/dequantize.ts';
import { packBlocks, unpackMatrix } from '../../engine/quant/layouts.ts';
import { LOSSLESS } from '../../scripts/import/precision/presets.ts';
import { QUANT_ZERO } from '../../engine/quant/block-bytes.ts';
import type { BlockDtypeName } from '../../engine/quant/block-bytes.ts';

interface Fixture {
  readonly sha256: string;
  readonly rows: readonly {
    readonly dtype: SourceDtype;
    readonly blocks: { readonly offset: number; readonly bytes: number };
    readonly values: { readonly offset: number; readonly count: number };
  }[];
}
const golden = join(import.meta.dirname, '../../tests/golden');
const fixture = JSON.parse(readFileSync(join(golden, 'quant-blocks.json'), 'utf8')) as Fixture;
const data = readFileSync(join(golden, 'quant-blocks.bin'));

function goldenRow(dtype: SourceDtype): { blocks: Uint8Array; values: Float32Array } {
  const row = fixture.rows.find((r) => r.dtype === dtype);
  if (row === undefined) throw new Error(`no ${dtype}: run tests/golden/make-quant-fixtures.py`);
  const { blocks, values } = row;
  const start = values.offset;
  return {
    blocks: new Uint8Array(data.subarray(blocks.offset, blocks.offset + blocks.bytes)),
    values: new Float32Array(new Uint8Array(data.subarray(start, start + values.count * 4)).buffer),
  };
}

test('the golden file is the one its header speaks of', () => {
  expect(createHash('sha256').update(data).digest('hex')).toBe(fixture.sha256);
});

describe.each(SOURCE_DTYPE_NAMES)('%s', (dtype) => {
  test('gives the values of the reference package, bit for bit', () => {
    const { blocks, values } = goldenRow(dtype);
    expect(blocks.byteLength).toBeGreaterThanOrEqual(4 * SOURCE_DTYPES[dtype].blockBytes);
    expect(dequantize(dtype, blocks)).toEqual(values);
  });

  test('does not read where another byte order would', () => {
    const { blocks, values } = goldenRow(dtype);
    const turned = blocks.slice().reverse();
    expect(dequantize(dtype, turned)).not.toEqual(values);
  });
});

const PAIRS = SOURCE_DTYPE_NAMES.flatMap((source) =>
  (Object.keys(QUANT_ZERO) as BlockDtypeName[])
    .filter((target) => canCarry(source, target))
    .map((target) => [source, target] as const),
);

/** Types whose scales are products of a half and an integer, which packing may round. */
const WIDE_SCALES: ReadonlySet<SourceDtype> = new Set([
  'IQ1_S',
  'IQ2_XXS',
  'IQ3_XXS',
  'IQ3_S',
  'IQ4_XS',
]);

describe('carryMatrix', () => {
  test('takes the types that fit a layout', () => {
    expect(PAIRS.map((pair) => pair.join(' '))).toEqual([
      'Q4_0 q4',
      'Q4_1 q4m',
      'Q5_0 q5',
      'Q5_0 q6',
      'Q5_0 q8',
      'Q5_1 q5m',
      'Q8_0 q8',
      'IQ4_NL q8',
      'Q4_K q4m',
      'IQ1_S q5',
      'IQ2_XXS q8',
      'IQ3_XXS q8',
      'IQ3_S q5',
      'IQ4_XS q8',
      'TQ1_0 q4',
      'TQ2_0 q4',
      'MXFP4 q5',
      'Q1_0 q4',
      'Q2_0 q4',
    ]);
  });

  test.each(PAIRS)('%s to %s keeps every value', (source, target) => {
    const { blocks, values } = goldenRow(source);
    const { quants, scales, mins } = carryMatrix(source, target, 1, values.length, blocks);
    const direct = values.map((_, i) => {
      const block = i >> 5;
      const zero = QUANT_ZERO[target];
      return Math.fround(scales[block]! * (quants[i]! - zero)) + (mins?.[block] ?? 0);
    });
    expect([...direct].map((v) => v + 0)).toEqual([...values].map((v) => v + 0));
  });

  test.each(PAIRS)(
    '%s to %s: packed blocks are equal where the report says so',
    (source, target) => {
      const { blocks, values } = goldenRow(source);
      const nRow = 4;
      const nCol =
        Math.floor(values.length / nRow / SOURCE_DTYPES[source].blockElements) *
        SOURCE_DTYPES[source].blockElements;
      const used =
        (nRow * nCol * SOURCE_DTYPES[source].blockBytes) / SOURCE_DTYPES[source].blockElements;
      const matrix = carryMatrix(source, target, nRow, nCol, blocks.subarray(0, used));
      const { bytes, report } = packBlocks(target, matrix);
      const unpacked = unpackMatrix(target, nRow, nCol, bytes);
      const unequal = new Set<number>();
      for (const [i, value] of unpacked.entries())
        if (value !== values[i]! + 0) unequal.add(i >> 5);
      expect(unequal.size).toBeLessThanOrEqual(report.inexactBlocks);
      if (target !== 'q4' && target !== 'q4m' && !WIDE_SCALES.has(source))
        expect(report.inexactBlocks).toBe(0);
    },
  );

  test.each([...WIDE_SCALES])(
    '%s: a rounded scale moves no value by more than 1 in 2048',
    (source) => {
      const { blocks, values } = goldenRow(source);
      const target = LOSSLESS[source] as BlockDtypeName;
      const { bytes } = packBlocks(target, carryMatrix(source, target, 1, values.length, blocks));
      const unpacked = unpackMatrix(target, 1, values.length, bytes);
      for (const [i, value] of values.entries())
        expect(Math.abs(unpacked[i]! - value)).toBeLessThanOrEqual(
          Math.abs(value) / 2048 + 2 ** -17,
        );
    },
  );

  test('a scale that a half cannot hold is infinite, which an import refuses', () => {
    const block = new Uint8Array(17).fill(0x77);
    expect(carryMatrix('MXFP4', 'q5', 1, 32, block).scales[0]).toBe(2 ** -9);
    block[0] = 144;
    expect(carryMatrix('MXFP4', 'q5', 1, 32, block).scales[0]).toBe(Infinity);
  });

  test('a pair without a row is an error of the caller', () => {
    expect(() => carryMatrix('Q6_K', 'q8', 1, 256, new Uint8Array(210))).toThrow(RangeError);
  });
});

/** Blocks worked out on paper; the first quants of each, the rest zero bytes. */
describe('hand-worked blocks', () => {
  const half = { one: [0x00, 0x3c], two: [0x00, 0x40], minusHalf: [0x00, 0xb8] };
  const block = (dtype: SourceDtype, ...head: number[]): Uint8Array => {
    const bytes = new Uint8Array(SOURCE_DTYPES[dtype].blockBytes);
    bytes.set(head);
    return bytes;
  };
  const at = (values: Float32Array, ...indices: number[]) => indices.map((i) => values[i]);

  test('Q4_0: d = 2, byte 0x9f: q0 = 15, q16 = 9', () => {
    const values = dequantize('Q4_0', block('Q4_0', ...half.two, 0x9f));
    expect(at(values, 0, 16, 1)).toEqual([14, 2, -16]);
  });
  test('Q4_1: d = 2, m = -0.5, byte 0x9f', () => {
    const values = dequantize('Q4_1', block('Q4_1', ...half.two, ...half.minusHalf, 0x9f));
    expect(at(values, 0, 16, 1)).toEqual([29.5, 17.5, -0.5]);
  });
  test('Q5_0: d = 1, fifth bits of 0 and 17, byte 0 = 0x21, byte 1 = 0x40', () => {
    const values = dequantize('Q5_0', block('Q5_0', ...half.one, 0x01, 0, 0x02, 0, 0x21, 0x40));
    expect(at(values, 0, 16, 17, 2)).toEqual([1, -14, 4, -16]);
  });
  test('Q5_1: d = 1, m = -0.5, the same bits', () => {
    const bits = [0x01, 0, 0x02, 0, 0x21, 0x40];
    const values = dequantize('Q5_1', block('Q5_1', ...half.one, ...half.minusHalf, ...bits));
    expect(at(values, 0, 16, 17, 2)).toEqual([16.5, 1.5, 19.5, -0.5]);
  });
  test('Q8_0: d = -0.5, bytes 127 and -128', () => {
    const values = dequantize('Q8_0', block('Q8_0', ...half.minusHalf, 0x7f, 0x80));
    expect(at(values, 0, 1)).toEqual([-63.5, 64]);
  });
  test('IQ4_NL: d = 2, byte 0xf0: q0 = 0, q16 = 15', () => {
    const values = dequantize('IQ4_NL', block('IQ4_NL', ...half.two, 0xf0));
    expect(at(values, 0, 16)).toEqual([-254, 226]);
  });
  test('MXFP4: exponent 128 is one half of two, nibbles 7 and 15 are 6 and -6', () => {
    expect(at(dequantize('MXFP4', block('MXFP4', 128, 0xf7)), 0, 16, 1)).toEqual([12, -12, 0]);
    expect(at(dequantize('MXFP4', block('MXFP4', 0, 0x01)), 0)).toEqual([2 ** -128]);
  });
  test('Q1_0: d = 2, bits 0 and 9 set', () => {
    const values = dequantize('Q1_0', block('Q1_0', ...half.two, 0x01, 0x02));
    expect(at(values, 0, 1, 8, 9, 127)).toEqual([2, -2, -2, 2, -2]);
  });
  test('Q2_0: d = 2, byte 0 = 0b11100100: codes 0 to 3', () => {
    const values = dequantize('Q2_0', block('Q2_0', ...half.two, 0xe4));
    expect(at(values, 0, 1, 2, 3, 63)).toEqual([-2, 0, 2, 4, -2]);
  });
  test('TQ2_0: byte 0 holds values 0, 32, 64 and 96', () => {
    const bytes = block('TQ2_0', 0xe4);
    bytes.set(half.two, 64);
    expect(at(dequantize('TQ2_0', bytes), 0, 32, 64, 96, 128)).toEqual([-2, 0, 2, 4, -2]);
  });
  test('TQ1_0: byte 0 = 255, five digits of 2 in values 0, 32, 64, 96 and 128', () => {
    const bytes = block('TQ1_0', 0xff);
    bytes.set(half.two, 52);
    expect(at(dequantize('TQ1_0', bytes), 0, 32, 64, 96, 128, 1, 160, 255)).toEqual([
      2, 2, 2, 2, 2, -2, -2, -2,
    ]);
  });
  test('F16 and BF16: one, minus one half', () => {
    expect([...dequantize('F16', Uint8Array.from([...half.one, ...half.minusHalf]))]).toEqual([
      1, -0.5,
    ]);
    expect([...dequantize('BF16', Uint8Array.from([0x80, 0x3f, 0x00, 0xbf]))]).toEqual([1, -0.5]);
  });
});
