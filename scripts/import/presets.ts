/**
 * Presets: which type a tensor is stored in, by its role and its type in the file. The first rule
 * that matches decides; below every preset lies the lossless table.
 */
import type { TensorRole } from '../../engine/archs/types.ts';
import type { WeightDtype } from '../../engine/base/dtypes.ts';
import { EngineError } from '../../engine/base/errors.ts';
import { SOURCE_DTYPES } from '../../engine/formats/source-dtypes.ts';
import type { SourceDtype } from '../../engine/formats/source-dtypes.ts';

export interface PresetInput {
  readonly role: TensorRole;
  readonly source: SourceDtype;
  /** The whole file is F32 and small: nothing would be won by rounding it. */
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
const LOSSLESS: Record<SourceDtype, WeightDtype> = {
  F32: 'f32',
  F16: 'f16',
  BF16: 'bf16',
  Q4_0: 'q4',
  Q4_1: 'q4m',
  Q4_K: 'q4m',
  Q8_0: 'q8',
  Q5_0: 'q8',
  IQ4_NL: 'q8',
  Q5_1: 'q8',
  Q2_K: 'q8',
  Q3_K: 'q8',
  Q5_K: 'q8',
  Q6_K: 'q8',
};

const isSmall = ({ role }: PresetInput) => role === 'norm' || role === 'bias';
const isTable = ({ role }: PresetInput) => role === 'embedding' || role === 'head';
const isFloat = ({ source }: PresetInput) => SOURCE_DTYPES[source].blockElements === 1;

export const PRESETS = {
  lossless: {
    about:
      "the file's own precision (types without a layout of their own are re-encoded in 8 bits)",
    rules: [{ when: isSmall, dtype: 'f32' }],
  },
  edge: {
    about:
      'for one 128 MB isolate: 6-bit embedding and head, 8-bit layers where the file has floats',
    rules: [
      { when: isSmall, dtype: 'f32' },
      { when: ({ isTinyF32 }) => isTinyF32, dtype: 'f32' },
      // Five bits fit into six without loss, and everything finer loses little (+0.3 % perplexity).
      { when: (t) => isTable(t) && SOURCE_DTYPES[t.source].bits >= 5, dtype: 'q6' },
      { when: isFloat, dtype: 'q8' },
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
    `import: preset '${name}' is not known; expected ${PRESET_NAMES.join(' or ')}.`,
    { details: { name, known: PRESET_NAMES } },
  );
}

export function presetDtype(preset: PresetName, input: PresetInput): WeightDtype {
  const rules: readonly PresetRule[] = PRESETS[preset].rules;
  return rules.find((rule) => rule.when(input))?.dtype ?? LOSSLESS[input.source];
}
