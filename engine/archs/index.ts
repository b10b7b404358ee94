/** The table of families of every kind of model. A new one is a file with its rows and a line here. */
import { EngineError } from '../base/errors.ts';
import { GEMMA2 } from './decoders/gemma2.ts';
import { GEMMA3 } from './decoders/gemma3.ts';
import { GPT2 } from './decoders/gpt2.ts';
import { GRANITE } from './decoders/granite.ts';
import { LLAMA } from './decoders/llama.ts';
import { OLMO2 } from './decoders/olmo2.ts';
import { OLMOE } from './decoders/olmoe.ts';
import { PHI3 } from './decoders/phi3.ts';
import { QWEN2 } from './decoders/qwen2.ts';
import { QWEN3 } from './decoders/qwen3.ts';
import { QWEN3MOE } from './decoders/qwen3moe.ts';
import { SMOLLM3 } from './decoders/smollm3.ts';
import { STABLELM } from './decoders/stablelm.ts';
import { STARCODER2 } from './decoders/starcoder2.ts';
import { BERT } from './encoders/bert.ts';
import { GEMMA_EMBEDDING } from './encoders/gemma-embedding.ts';
import { NOMIC_BERT } from './encoders/nomic-bert.ts';
import { QWEN3_EMBEDDING } from './encoders/qwen3-embedding.ts';
import { WHISPER } from './recognition/whisper.ts';
import { CLIP_VISION } from './towers/clip.ts';
import { SIGLIP } from './towers/siglip.ts';
import { isStateful } from './stateful.ts';
import { NAMINGS } from './types.ts';
import type { AnyTensorSpec, Architecture, EncoderFamily, Family, FilePlace } from './types.ts';
import type { Naming, RecognitionFamily, TensorSpec, TowerFamily } from './types.ts';

/** Description of a family, by the kind of its models. */
export interface FamilyOf {
  readonly decoder: Architecture;
  readonly encoder: EncoderFamily;
  readonly recognition: RecognitionFamily;
  readonly tower: TowerFamily;
}
/** Kinds of models whose weights our own kernels read. */
export type FamilyKind = keyof FamilyOf;
/** A family with its kind, of one of the kinds `K`. */
export type FamilyRow<K extends FamilyKind = FamilyKind> = {
  [P in K]: { readonly kind: P; readonly family: FamilyOf[P] };
}[K];

const FAMILIES: { readonly [K in FamilyKind]: readonly FamilyOf[K][] } = {
  decoder: [
    LLAMA,
    QWEN2,
    QWEN3,
    QWEN3MOE,
    GEMMA2,
    GEMMA3,
    PHI3,
    GPT2,
    OLMO2,
    OLMOE,
    GRANITE,
    SMOLLM3,
    STABLELM,
    STARCODER2,
  ],
  encoder: [QWEN3_EMBEDDING, GEMMA_EMBEDDING, NOMIC_BERT, BERT],
  recognition: [WHISPER],
  tower: [SIGLIP, CLIP_VISION],
};

export const ARCHITECTURES = FAMILIES.decoder;

/** Kinds of models that files of a naming hold. */
export interface KindsOfFiles {
  readonly gguf: 'decoder' | 'encoder';
  readonly hf: FamilyKind;
  readonly ct2: 'recognition';
  readonly ggml: 'recognition';
}

/** Field with the names that files of a naming use for a family. */
const FILE_NAMES = {
  gguf: 'ggufNames',
  hf: 'hfModelTypes',
  ct2: 'ct2Specs',
  ggml: 'ggmlNames',
} as const satisfies Readonly<Record<Naming, keyof Family<never>>>;

/**
 * The family a manifest names.
 * @throws {EngineError} E_ARCH_UNKNOWN with the list of known ones.
 */
export function familyByName<K extends FamilyKind>(kind: K, name: string): FamilyOf[K] {
  const family = FAMILIES[kind].find((row) => row.name === name);
  if (family === undefined) throw unknownFamily(name, FAMILIES[kind]);
  return family;
}

/** The family of decoders of this name. @throws {EngineError} E_ARCH_UNKNOWN */
export function archByName(name: string): Architecture {
  return familyByName('decoder', name);
}

/** The family that files of a naming call `name`, of any kind such files hold. */
export function findFamily<N extends Naming>(
  naming: N,
  name: string,
): FamilyRow<KindsOfFiles[N]> | undefined {
  const found = allFamilies().find(({ family }) => family[FILE_NAMES[naming]]?.includes(name));
  // A kind that no such file holds has no names of that naming.
  return found as FamilyRow<KindsOfFiles[N]> | undefined;
}

/** `findFamily`, for a name that must be known. @throws {EngineError} E_ARCH_UNKNOWN with the names such files may hold. */
export function familyOfFile<N extends Naming>(
  naming: N,
  name: string,
): FamilyRow<KindsOfFiles[N]> {
  const found = findFamily(naming, name);
  if (found !== undefined) return found;
  const families = allFamilies().map(({ family }) => family);
  throw unknownFamily(
    name,
    families.filter((family) => (family[FILE_NAMES[naming]] ?? []).length > 0),
  );
}

/** The family of embedding models that a GGUF file of a family of decoders is of when it states a pooling. */
export function findPooledFamily(ggufName: string): EncoderFamily | undefined {
  return FAMILIES.encoder.find(({ pooledGgufNames }) => pooledGgufNames?.includes(ggufName));
}

/** All names that files of a naming may use for the known families. */
export function familyFileNames(naming: Naming): string[] {
  return allFamilies().flatMap(({ family }) => family[FILE_NAMES[naming]] ?? []);
}

function allFamilies(): FamilyRow[] {
  const kinds = Object.keys(FAMILIES) as FamilyKind[];
  return kinds.flatMap((kind) => FAMILIES[kind].map((family) => ({ kind, family }) as FamilyRow));
}

function unknownFamily(name: string, families: readonly Pick<Family<never>, 'name'>[]) {
  const known = families.map((row) => row.name);
  const stateful = isStateful(name);
  const what = stateful
    ? 'keeps a state beside or instead of a key/value cache, which is not supported yet'
    : 'is not known';
  return new EngineError(
    'E_ARCH_UNKNOWN',
    `architecture: '${name}' ${what}; known are ${known.join(', ')}. CONTRIBUTING.md says how to add one.`,
    { details: { name, known, stateful } },
  );
}

/** A row's place, with everything that depends on the config computed. */
export interface TensorPlace {
  readonly name: string;
  /** Ours are `shape[0]` rows (of a vector: values) from `from` of the file's `of`. */
  readonly from: number;
  readonly of: number;
  /** How many of our tensors the file's tensor holds, one after the other; 0 when it holds one alone. */
  readonly nStacked: number;
  readonly transposed: boolean;
  readonly taps: number;
  readonly plus: number;
  /** Sizes in the file where they are others than ours, of the same values in the same order. */
  readonly dims: readonly number[] | null;
}

export interface TensorInstance {
  readonly spec: Pick<TensorSpec, 'name' | 'role' | 'ropeRows' | 'manyRows'>;
  /** The layer, or null for tensors of the whole model. */
  readonly layer: number | null;
  /** The expert, or 0. */
  readonly expert: number;
  readonly name: string;
  readonly places: Readonly<Partial<Record<Naming, TensorPlace>>>;
  readonly shape: readonly [number, number];
  readonly required: boolean;
  readonly isAlias: boolean;
}

/** Config fields with the numbers of layers and experts. */
interface LayeredConfig {
  readonly nLayer?: number;
  readonly nExpert?: number | undefined;
}

/** The numbers of layers and experts of a config of any kind. */
function counts(config: object): LayeredConfig {
  return config;
}

/** Every tensor a model of these rows and this config has or may have, layer by layer. */
export function archTensors<C extends object>(
  { tensors: all }: { readonly tensors: readonly AnyTensorSpec<C>[] },
  config: C,
): TensorInstance[] {
  const tensors = all.filter(({ present }) => present?.(config) ?? true);
  const instances = (spec: AnyTensorSpec<C>, layer: number | null): TensorInstance[] => {
    const nExpert = spec.perExpert === true ? (counts(config).nExpert ?? 0) : 1;
    return Array.from({ length: nExpert }, (_, expert) => instance(spec, config, layer, expert));
  };
  const whole = tensors
    .filter((spec) => spec.perLayer === false)
    .flatMap((s) => instances(s, null));
  const layers = tensors.map((spec) => layersOf(spec, config));
  const layered = Array.from({ length: Math.max(0, ...layers) }, (_, i) =>
    tensors.filter((_spec, s) => i < layers[s]!).flatMap((spec) => instances(spec, i)),
  );
  return [...whole, ...layered.flat()];
}

function layersOf<C extends object>({ perLayer }: AnyTensorSpec<C>, config: C): number {
  if (typeof perLayer === 'function') return perLayer(config);
  return perLayer ? (counts(config).nLayer ?? 0) : 0;
}

function instance<C extends object>(
  spec: AnyTensorSpec<C>,
  config: C,
  layer: number | null,
  expert: number,
): TensorInstance {
  const fill = (pattern: string) =>
    pattern.replace('{i}', String(layer)).replace('{e}', String(expert));
  const shape = spec.shape(config);
  const place = (of: FilePlace<C> | undefined): TensorPlace | undefined => {
    if (of === undefined) return undefined;
    const nRow = shape[0] === 1 ? shape[1] : shape[0];
    return {
      name: fill(of.name),
      ...(of.part?.(config) ?? { from: 0, of: nRow }),
      nStacked: of.stacked === true ? (counts(config).nExpert ?? 0) : 0,
      transposed: of.transposed ?? false,
      dims: of.dims?.(config) ?? null,
      taps: of.taps ?? 1,
      plus: of.plus ?? 0,
    };
  };
  const places = Object.fromEntries(
    NAMINGS.flatMap((naming) => {
      const found = place(spec[naming]);
      return found === undefined ? [] : [[naming, found]];
    }),
  );
  const { name, role, ropeRows, required, manyRows = false } = spec;
  return {
    spec: { name, role, manyRows, ...(ropeRows === undefined ? {} : { ropeRows }) },
    layer,
    expert,
    name: fill(name),
    places,
    shape,
    required: typeof required === 'function' ? required(config) : required,
    isAlias: spec.isAlias?.(config) ?? false,
  };
}
