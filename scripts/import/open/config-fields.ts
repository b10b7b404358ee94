/** A config from an architecture's rows, whatever the file's format: what both formats share. */
import type { Architecture, FieldReader, PartialConfig } from '../../../engine/archs/types.ts';
import type { ModelConfig, RopeScaling } from '../../../engine/manifest/manifest.ts';
import { checkConfig } from './opened-model.ts';

/** Fields that each format stores in its own place. */
export interface FormatFacts {
  readonly nVocab: number;
  readonly ropePairing: ModelConfig['ropePairing'];
  readonly ropeDim: (headDim: number) => number;
  readonly ropeScaling: (nCtx: number) => RopeScaling;
  readonly tiedHead: boolean;
  readonly windows: (nLayer: number) => LayerWindows | null;
}

/** A sliding window and the layers that have it. */
export interface LayerWindows {
  readonly nToken: number;
  readonly isLocal: (layer: number) => boolean;
}

/** @throws {EngineError} E_FORMAT_INVALID naming the field. */
export function configFromRows(
  where: string,
  arch: Architecture,
  file: FieldReader,
  facts: FormatFacts,
): ModelConfig {
  const numbers = readRows(arch, file);
  const { nLayer = 0, nCtx = 0, headDim = 0 } = numbers;
  const isRope = arch.positions === 'rope';
  const found = facts.windows(nLayer);
  // A window as wide as the context is no restriction, unless it also says how a layer's positions rotate.
  const isUsed = found !== null && (found.nToken < nCtx || numbers.localRopeTheta !== undefined);
  const { localRopeTheta, ...others } = numbers;
  const local = isUsed && localRopeTheta !== undefined ? { localRopeTheta } : {};
  const config = checkConfig(where, {
    ...others,
    ...local,
    ...(isUsed ? { windows: windowList(nLayer, found) } : {}),
    nVocab: facts.nVocab,
    ropePairing: facts.ropePairing,
    ropeDim: isRope ? facts.ropeDim(headDim) : 0,
    ropeScaling: isRope ? facts.ropeScaling(nCtx) : { kind: 'none' },
    tiedHead: facts.tiedHead,
  });
  if (arch.complete === undefined) return config;
  return checkConfig(where, { ...config, ...arch.complete(config, file) });
}

function readRows(arch: Architecture, file: FieldReader): PartialConfig {
  const numbers: PartialConfig = {};
  for (const row of arch.config) {
    const key = row[file.format];
    if (row.optional === true) {
      const value = file.optional(key);
      if (value !== undefined) numbers[row.field] = value;
      continue;
    }
    const ofFormat = file.format === 'hf' ? row.hfFallback : undefined;
    const fallback = ofFormat ?? row.fallback;
    const value = typeof fallback === 'function' ? fallback(numbers) : fallback;
    numbers[row.field] = file.number(key, value);
  }
  return numbers;
}

function windowList(nLayer: number, { nToken, isLocal }: LayerWindows): number[] {
  // A hostile number of layers is left to checkConfig: the list it would need is not made.
  const length = Math.min(nLayer, 1024);
  return Array.from({ length }, (_, layer) => (isLocal(layer) ? nToken : 0));
}

/** Layers of every `period` but the last have a window; all of them when it is 0. */
export function periodic(period: number): (layer: number) => boolean {
  return (layer) => period === 0 || layer % period < period - 1;
}
