/** The table of architectures. A new one is a file with its rows and a line here. */
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
import { STABLELM } from './decoders/stablelm.ts';
import { STARCODER2 } from './decoders/starcoder2.ts';
import { NAMINGS } from './types.ts';
import type { AnyTensorSpec, Architecture, FilePlace, Naming, TensorSpec } from './types.ts';

export const ARCHITECTURES: readonly Architecture[] = [
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
  STABLELM,
  STARCODER2,
];

/** @throws {EngineError} E_ARCH_UNKNOWN with the list of known ones. */
export function archByName(name: string): Architecture {
  return found(
    name,
    ARCHITECTURES.find((arch) => arch.name === name),
  );
}
/** @throws {EngineError} E_ARCH_UNKNOWN */
export function archByGgufName(name: string): Architecture {
  return found(
    name,
    ARCHITECTURES.find((arch) => arch.ggufNames.includes(name)),
  );
}
/** @throws {EngineError} E_ARCH_UNKNOWN */
export function archByHfModelType(name: string): Architecture {
  return found(
    name,
    ARCHITECTURES.find((arch) => arch.hfModelTypes.includes(name)),
  );
}

function found(name: string, arch: Architecture | undefined): Architecture {
  if (arch !== undefined) return arch;
  const known = ARCHITECTURES.map((a) => a.name);
  throw new EngineError(
    'E_ARCH_UNKNOWN',
    `architecture: '${name}' is not known; known are ${known.join(', ')}. CONTRIBUTING.md tells how to add one.`,
    { details: { name, known } },
  );
}

/** A row's place with what it says of the config worked out. */
export interface TensorPlace {
  readonly name: string;
  /** Ours are `shape[0]` rows (of a vector: values) from `from` of the file's `of`. */
  readonly from: number;
  readonly of: number;
  /** How many of ours the file's tensor holds, one behind the other; 0 when it is ours alone. */
  readonly nStacked: number;
  readonly transposed: boolean;
  readonly taps: number;
  readonly plus: number;
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

/** What the numbers of layers and experts are read from. */
interface LayeredConfig {
  readonly nLayer?: number;
  readonly nExpert?: number | undefined;
}

/** A config of any kind as far as it counts layers and experts. */
function counts(config: object): LayeredConfig {
  return config;
}

/** Every tensor a model of these rows and this config has or may have, layer by layer. */
export function archTensors<C extends object>(
  { tensors }: { readonly tensors: readonly AnyTensorSpec<C>[] },
  config: C,
): TensorInstance[] {
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
