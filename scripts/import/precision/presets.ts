/**
 * Presets: which type a tensor is stored in, by its role and its type in the file. The first rule
 * that matches decides; below every preset lies the lossless table.
 */
import { SMALL_ROLES } from '../../../engine/archs/types.ts';
import type { TensorRole } from '../../../engine/archs/types.ts';
import type { WeightDtype } from '../../../engine/base/dtypes.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { SOURCE_DTYPES } from '../../../engine/formats/source-dtypes.ts';
import type { SourceDtype } from '../../../engine/formats/source-dtypes.ts';

export interface PresetInput {
  readonly role: TensorRole;
  /** Whether it is multiplied with many rows at a time. */
  readonly manyRows: boolean;
  readonly source: SourceDtype;
  /** The whole file is F32 and small: rounding it would gain nothing. */
  readonly isTinyF32: boolean;
}
interface PresetRule {
  readonly when: (input: PresetInput) => boolean;
  readonly dtype: WeightDtype;
}
export interface Preset {
  readonly about: string;
  readonly rules: readonly PresetRule[];
}

/** Models of F32 only below this stay as they are in every preset. */
export const TINY_F32_BYTES = 8_000_000;

/** A type that keeps each source type's values; types without a layout of their own go to 8 bits. */
export const LOSSLESS: Record<SourceDtype, WeightDtype> = {
  F32: 'f32',
  F16: 'f16',
  BF16: 'bf16',
  Q4_0: 'q4',
  Q4_1: 'q4m',
  Q4_K: 'q4m',
  Q8_0: 'q8',
  Q5_0: 'q5',
  Q5_1: 'q5m',
  IQ4_NL: 'q8',
  Q2_K: 'q8',
  Q3_K: 'q8',
  Q5_K: 'q8',
  Q6_K: 'q8',
  IQ1_S: 'q5',
  IQ1_M: 'q8',
  IQ2_XXS: 'q8',
  IQ2_XS: 'q8',
  IQ2_S: 'q8',
  IQ3_XXS: 'q8',
  IQ3_S: 'q5',
  IQ4_XS: 'q8',
  TQ1_0: 'q4',
  TQ2_0: 'q4',
  MXFP4: 'q5',
  Q1_0: 'q4',
  Q2_0: 'q4',
};

type Condition = PresetRule['when'];

const isSmall: Condition = ({ role }) => SMALL_ROLES.includes(role);
const isTable: Condition = ({ role }) => role === 'embedding' || role === 'head';
const isFfn: Condition = ({ role }) => role === 'ffn';
const isFloat: Condition = ({ source }) => SOURCE_DTYPES[source].blockElements === 1;
/** Types of more bits than `bits`: coarser files stay as they are, since rounding them again costs much. */
const finerThan =
  (bits: number): Condition =>
  ({ source }) =>
    SOURCE_DTYPES[source].bits > bits;

const SMALL_RULE: PresetRule = { when: isSmall, dtype: 'f32' };
/** Everything else depends on them, and they are a hundredth of a model. */
const CONVOLUTION_RULE: PresetRule = {
  when: (t) => t.role === 'convolution' && finerThan(8)(t),
  dtype: 'q8',
};
/** Blocks of five bits have layouts of their own, smaller than six bits and without loss. */
const FIVE_BIT_RULES: readonly PresetRule[] = [
  { when: ({ source }) => source === 'Q5_0', dtype: 'q5' },
  { when: ({ source }) => source === 'Q5_1', dtype: 'q5m' },
];
/** Everything finer than five bits loses little in six (+0.3 % perplexity). */
const TABLE_RULES: readonly PresetRule[] = [
  ...FIVE_BIT_RULES.map(({ when, dtype }) => {
    return { when: (t: PresetInput) => isTable(t) && when(t), dtype };
  }),
  { when: (t) => isTable(t) && finerThan(4)(t), dtype: 'q6' },
];

export const PRESETS = {
  lossless: {
    about:
      "the file's own precision (types without a layout of their own are re-encoded in 8 bits)",
    rules: [SMALL_RULE],
  },
  edge: {
    about:
      'for isolates of 128 MB: 6-bit embedding and head, 8-bit layers where the file has floats (7 where many rows meet them), 6 for Q5_K and Q6_K',
    rules: [
      SMALL_RULE,
      CONVOLUTION_RULE,
      { when: ({ isTinyF32 }) => isTinyF32, dtype: 'f32' },
      ...TABLE_RULES,
      { when: (t) => t.manyRows && isFloat(t), dtype: 'q7' },
      { when: isFloat, dtype: 'q8' },
      // Scales for every 16 values are lost in any layout: two bits more than six would keep little.
      { when: ({ source }) => source === 'Q5_K' || source === 'Q6_K', dtype: 'q6' },
    ],
  },
  q8: {
    about: '8 bits for all that is finer in the file',
    rules: [SMALL_RULE, CONVOLUTION_RULE, { when: finerThan(8), dtype: 'q8' }],
  },
  q6b: {
    about:
      '6-bit embedding, layers of 81 steps that meet activations of 103: the fastest on many tokens, for encoders',
    rules: [
      SMALL_RULE,
      CONVOLUTION_RULE,
      ...TABLE_RULES,
      { when: (t) => !isTable(t) && finerThan(6)(t), dtype: 'q6b' },
    ],
  },
  q6: {
    about: '6 bits for all that is finer than 4 bits in the file',
    rules: [SMALL_RULE, CONVOLUTION_RULE, ...FIVE_BIT_RULES, { when: finerThan(4), dtype: 'q6' }],
  },
  q5: {
    about:
      '6-bit embedding and head, layers in symmetric 5 bits (files of 4 and 5 bits keep theirs)',
    rules: [
      SMALL_RULE,
      CONVOLUTION_RULE,
      ...TABLE_RULES,
      ...FIVE_BIT_RULES,
      { when: finerThan(4), dtype: 'q5' },
    ],
  },
  mix: {
    about:
      '6-bit embedding, head and attention, 4 bits with minimum for the feed-forward half; for float files',
    rules: [
      SMALL_RULE,
      CONVOLUTION_RULE,
      ...TABLE_RULES,
      { when: (t) => isFfn(t) && finerThan(4)(t), dtype: 'q4m' },
      { when: finerThan(4), dtype: 'q6' },
    ],
  },
  q4m: {
    about:
      '6-bit embedding and head, layers in 4 bits with minimum (4-bit files keep theirs); for float files',
    rules: [SMALL_RULE, CONVOLUTION_RULE, ...TABLE_RULES, { when: finerThan(4), dtype: 'q4m' }],
  },
  q4: {
    about:
      '6-bit embedding and head, all layers in symmetric 4 bits, the smallest; for float and Q4_0 files',
    rules: [
      SMALL_RULE,
      CONVOLUTION_RULE,
      ...TABLE_RULES,
      { when: (t) => !isTable(t), dtype: 'q4' },
    ],
  },
} as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof PRESETS;
export const PRESET_NAMES = Object.keys(PRESETS) as PresetName[];

export function choosePreset(name: string): PresetName {
  const found = PRESET_NAMES.find((preset) => preset === name);
  if (found !== undefined) return found;
  throw new EngineError(
    'E_USAGE',
    `import: preset '${name}' is not known; expected one of ${PRESET_NAMES.join(', ')}.`,
    { details: { name, known: PRESET_NAMES } },
  );
}

export function presetDtype(preset: PresetName, input: PresetInput): WeightDtype {
  const rules: readonly PresetRule[] = PRESETS[preset].rules;
  return rules.find((rule) => rule.when(input))?.dtype ?? LOSSLESS[input.source];
}
