/** What each preset stores, over every role and source type, and what it says about rounding twice. */
import { describe, expect, test } from 'vitest';
import type { TensorRole } from '../../../engine/archs/types.ts';
import { SOURCE_DTYPE_NAMES, SOURCE_DTYPES } from '../../../engine/formats/source-dtypes.ts';
import type { SourceDtype } from '../../../engine/formats/source-dtypes.ts';
import { LOSSLESS, presetDtype, PRESET_NAMES } from '../../../scripts/import/precision/presets.ts';
import type { PresetName } from '../../../scripts/import/precision/presets.ts';
import {
  requantizedTensors,
  requantizeWarning,
} from '../../../scripts/import/precision/requantized.ts';
import { plannedManifest, SMOLLM2_CONFIG } from '../../support/planned-manifest.ts';

const MATRICES = ['embedding', 'head', 'attention', 'ffn'] as const satisfies TensorRole[];
const dtypeOf = (preset: PresetName, role: TensorRole, source: SourceDtype) =>
  presetDtype(preset, { role, source, manyRows: false, isTinyF32: false });

describe.each(PRESET_NAMES)('preset %s', (preset) => {
  test('keeps norms and biases whole', () => {
    for (const role of ['norm', 'bias'] as const) expect(dtypeOf(preset, role, 'F32')).toBe('f32');
  });

  test('is the only one that rounds 4-bit files again if it is q4', () => {
    const fourBits = SOURCE_DTYPE_NAMES.filter((source) => SOURCE_DTYPES[source].bits <= 4);
    const changed = fourBits.filter((source) =>
      MATRICES.some((role) => dtypeOf(preset, role, source) !== LOSSLESS[source]),
    );
    expect(changed.length > 0).toBe(preset === 'q4');
  });

  test('never stores the embedding and the head in fewer than 6 bits unless the file does', () => {
    for (const source of SOURCE_DTYPE_NAMES.filter((name) => SOURCE_DTYPES[name].bits > 4))
      for (const role of ['embedding', 'head'] as const)
        expect(['q4', 'q4m']).not.toContain(dtypeOf(preset, role, source));
  });
});

test.each([
  ['lossless', ['f16', 'f16', 'f16', 'f16']],
  ['edge', ['q6', 'q6', 'q8', 'q8']],
  ['q8', ['q8', 'q8', 'q8', 'q8']],
  ['q6b', ['q6', 'q6', 'q6b', 'q6b']],
  ['q6', ['q6', 'q6', 'q6', 'q6']],
  ['q5', ['q6', 'q6', 'q5', 'q5']],
  ['mix', ['q6', 'q6', 'q6', 'q4m']],
  ['q4m', ['q6', 'q6', 'q4m', 'q4m']],
  ['q4', ['q6', 'q6', 'q4', 'q4']],
] as const)('%s of an F16 file, by role', (preset, want) => {
  expect(MATRICES.map((role) => dtypeOf(preset, role, 'F16'))).toEqual(want);
});

test.each([
  ['edge', 'Q5_0', ['q5', 'q5', 'q5', 'q5']],
  ['edge', 'Q5_1', ['q5m', 'q5m', 'q5m', 'q5m']],
  ['q6', 'Q5_0', ['q5', 'q5', 'q5', 'q5']],
  ['q5', 'Q5_1', ['q5m', 'q5m', 'q5m', 'q5m']],
  ['q5', 'Q5_K', ['q6', 'q6', 'q5', 'q5']],
  ['q5', 'Q4_1', ['q4m', 'q4m', 'q4m', 'q4m']],
  ['q4m', 'Q5_0', ['q5', 'q5', 'q4m', 'q4m']],
] as const)('%s of a %s file, by role', (preset, source, want) => {
  expect(MATRICES.map((role) => dtypeOf(preset, role, source))).toEqual(want);
});

test('presets of one F16 file are listed from the largest to the smallest, edge aside', () => {
  const bytes = PRESET_NAMES.filter((name) => name !== 'edge').map((preset) => {
    const types = { table: 'F16', layers: 'F16' } as const;
    const { shards } = plannedManifest(SMOLLM2_CONFIG, preset, types);
    return shards.reduce((sum, shard) => sum + shard.bytes, 0);
  });
  expect(bytes).toEqual([...bytes].sort((a, b) => b - a));
  expect(new Set(bytes).size).toBe(bytes.length);
});

describe('requantizeWarning', () => {
  const planned = (preset: PresetName, layers: SourceDtype, table: SourceDtype = 'Q8_0') =>
    plannedManifest(SMOLLM2_CONFIG, preset, { table, layers });
  const nLayerMatrices = 7 * SMOLLM2_CONFIG.nLayer;

  test('names the pair, the number of tensors and the cost of 4 bits made twice', () => {
    const text = requantizeWarning(planned('q4', 'Q4_1'));
    expect(text).toContain(`${nLayerMatrices} tensors`);
    expect(text).toContain('Q4_1 to q4');
    expect(text).toContain('20 to 30 %');
  });

  test('a finer source costs less', () => {
    expect(requantizeWarning(planned('q4m', 'Q5_K'))).toContain('several per cent');
  });

  test.each([
    ['edge', 'Q4_1'],
    ['q4m', 'Q4_1'],
    ['q4m', 'Q4_K'],
    ['q4', 'Q4_0'],
    ['q6', 'Q5_0'],
    ['q5', 'Q5_1'],
    ['q5', 'F16'],
    ['q4', 'F16'],
    ['q8', 'BF16'],
  ] as const)('%s of %s layers says nothing', (preset, layers) => {
    expect(requantizeWarning(planned(preset, layers))).toBeNull();
  });

  test('counts an embedding that was requantized beside layers that were not', () => {
    const manifest = planned('edge', 'Q4_1');
    const tensors = manifest.tensors.map((row) =>
      row.name === 'tokEmbd' ? { ...row, dtype: 'q4m' as const } : row,
    );
    expect(requantizedTensors({ tensors }).map(({ name }) => name)).toEqual(['tokEmbd']);
  });
});

test('edge stores what many rows meet in 7 bits, and convolutions in 8 at least', () => {
  const of = (preset: PresetName, role: TensorRole, source: SourceDtype, manyRows: boolean) =>
    presetDtype(preset, { role, source, manyRows, isTinyF32: false });
  expect(of('edge', 'ffn', 'F16', true)).toBe('q7');
  expect(of('edge', 'ffn', 'F16', false)).toBe('q8');
  expect(of('edge', 'bias', 'F16', true)).toBe('f32');
  expect(of('edge', 'ffn', 'Q4_1', true)).toBe('q4m');
  for (const preset of PRESET_NAMES) {
    const conv = of(preset, 'convolution', 'F16', true);
    expect(['q8', 'f16']).toContain(conv);
  }
});
