/** The table of architectures. A new one is a file with its rows and a line here. */
import { EngineError } from '../base/errors.ts';
import type { ModelConfig } from '../formats/manifest.ts';
import { GEMMA2 } from './gemma2.ts';
import { GEMMA3 } from './gemma3.ts';
import { GPT2 } from './gpt2.ts';
import { GRANITE } from './granite.ts';
import { LLAMA } from './llama.ts';
import { OLMO2 } from './olmo2.ts';
import { OLMOE } from './olmoe.ts';
import { PHI3 } from './phi3.ts';
import { QWEN2 } from './qwen2.ts';
import { QWEN3 } from './qwen3.ts';
import { QWEN3MOE } from './qwen3moe.ts';
import { STABLELM } from './stablelm.ts';
import { STARCODER2 } from './starcoder2.ts';
import type { Architecture, TensorSpec } from './types.ts';

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

export interface TensorInstance {
  readonly spec: TensorSpec;
  /** The layer, or null for tensors of the whole model. */
  readonly layer: number | null;
  /** The expert, or 0. */
  readonly expert: number;
  readonly name: string;
  readonly gguf: string;
  readonly hf: string;
  readonly shape: readonly [number, number];
  readonly required: boolean;
}

/** Every tensor a model of this architecture and config has or may have, layer by layer. */
export function archTensors(arch: Architecture, config: ModelConfig): TensorInstance[] {
  const instance = (spec: TensorSpec, layer: number | null, expert: number): TensorInstance => {
    const fill = (pattern: string) =>
      pattern.replace('{i}', String(layer)).replace('{e}', String(expert));
    const required = typeof spec.required === 'function' ? spec.required(config) : spec.required;
    return {
      spec,
      layer,
      expert,
      name: fill(spec.name),
      gguf: fill(spec.gguf.name),
      hf: fill(spec.hf.name),
      shape: spec.shape(config),
      required,
    };
  };
  const instances = (spec: TensorSpec, layer: number | null): TensorInstance[] => {
    const nExpert = spec.perExpert === true ? (config.nExpert ?? 0) : 1;
    return Array.from({ length: nExpert }, (_, expert) => instance(spec, layer, expert));
  };
  const layers = Array.from({ length: config.nLayer }, (_, i) =>
    arch.tensors.filter((spec) => spec.perLayer).flatMap((spec) => instances(spec, i)),
  );
  const whole = arch.tensors.filter((spec) => !spec.perLayer).flatMap((s) => instances(s, null));
  return [...whole, ...layers.flat()];
}
