/**
 * Eyes of an adapter as files hold them: beside PEFT's two files a record, `eyes.json`, and `eyes.safetensors`, matrices in
 * halves. A bucket has the same safetensors.
 */
import { EngineError } from '../base/errors.ts';
import { sha256Hex } from '../base/sha256.ts';
import { invalidFile, memorySource, readRange } from '../formats/byte-source.ts';
import { parseJsonObject } from '../formats/json.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import type { SourceTensor } from '../formats/source-tensor.ts';
import { writeSafetensors } from '../formats/write-safetensors.ts';
import { type EyesFacts, eyesFactsSchema, type ProjectorFacts } from '../manifest/adapters.ts';
import type { VisionManifest } from '../manifest/manifest.ts';
import type { EyesTensors } from '../model/vision/projector.ts';
import { otherBase } from './adapter.ts';
import type { Adapter, AdapterBase } from './adapter.ts';

export const EYES_CONFIG_FILE = 'eyes.json';
export const EYES_WEIGHTS_FILE = 'eyes.safetensors';

/** Eyes with what belongs to them. */
export interface Eyes {
  readonly facts: EyesFacts;
  /** eyes.safetensors */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly tensors: EyesTensors;
}

/** A low-rank adapter that may have eyes. */
export interface SeeingAdapter extends Adapter {
  readonly eyes?: Eyes;
}

/** Tensors by their names in the file, with their shapes. */
function shapesOf({ grid, nFeature, nHidden, nEmbd }: ProjectorFacts) {
  return {
    mean: { dtype: 'F32', shape: [nFeature] },
    deviation: { dtype: 'F32', shape: [nFeature] },
    hidden: { dtype: 'F16', shape: [nHidden, nFeature] },
    hiddenBias: { dtype: 'F32', shape: [nHidden] },
    out: { dtype: 'F16', shape: [nEmbd, nHidden] },
    positions: { dtype: 'F32', shape: [grid * grid, nEmbd] },
    gain: { dtype: 'F32', shape: [nEmbd] },
  } as const;
}
type TensorName = keyof ReturnType<typeof shapesOf>;

/** eyes.safetensors, and tower.safetensors */
export function encodeEyes(facts: ProjectorFacts, tensors: EyesTensors): Uint8Array<ArrayBuffer> {
  const shapes = Object.entries(shapesOf(facts)) as [
    TensorName,
    { readonly dtype: 'F32' | 'F16'; readonly shape: readonly number[] },
  ][];
  return writeSafetensors(
    shapes.map(([name, { dtype, shape }]) => ({ name, dtype, shape, values: tensors[name] })),
    { format: 'thimble-eyes' },
  );
}

/**
 * @param id for errors @param bytes of eyes.safetensors, hostile
 * @throws {EngineError} E_TENSOR_MISSING, E_TENSOR_SHAPE for other tensors than the record says, E_FORMAT_INVALID for values
 *   that are not finite
 */
export async function decodeEyes(
  id: string,
  bytes: Uint8Array<ArrayBuffer>,
  facts: ProjectorFacts,
): Promise<EyesTensors> {
  const found = new Map(
    (await readSafetensors([memorySource(id, bytes)])).map((tensor) => [tensor.name, tensor]),
  );
  const shapes = shapesOf(facts);
  const read = async (name: TensorName): Promise<Float32Array | Uint16Array> => {
    const tensor = found.get(name);
    if (tensor === undefined)
      throw new EngineError('E_TENSOR_MISSING', `${id}: has no ${name}. Get the adapter again.`, {
        details: { id, name },
      });
    const { dtype, shape } = shapes[name];
    if (tensor.dtype !== dtype || tensor.dims.join() !== shape.join())
      throw new EngineError(
        'E_TENSOR_SHAPE',
        `${id}: ${name} is ${tensor.dtype} [${tensor.dims.join(', ')}]; expected ${dtype} [${shape.join(', ')}], as its record says. Get the adapter again.`,
        { details: { id, name } },
      );
    return await readValues(id, tensor);
  };
  const floats = async (name: TensorName) => (await read(name)) as Float32Array;
  const halves = async (name: TensorName) => (await read(name)) as Uint16Array;
  const deviation = await floats('deviation');
  if (deviation.some((value) => !(value > 0)))
    throw invalidFile(id, 'a deviation is not above 0', 'numbers above 0');
  const { grid, nFeature, nHidden, nEmbd, normEps } = facts;
  return {
    ...{ grid, nFeature, nHidden, nEmbd, normEps, deviation, mean: await floats('mean') },
    ...{ hidden: await halves('hidden'), hiddenBias: await floats('hiddenBias') },
    ...{ out: await halves('out'), positions: await floats('positions') },
    gain: await floats('gain'),
  };
}

/** The exponent of a half that is not finite. */
const HALF_EXPONENT = 0x7c00;

async function readValues(
  id: string,
  { name, dtype, source, offset, bytes }: SourceTensor,
): Promise<Float32Array | Uint16Array> {
  // A copy, which is aligned.
  const { buffer } = (await readRange(source, offset, bytes, name)).slice();
  const values = dtype === 'F16' ? new Uint16Array(buffer) : new Float32Array(buffer);
  const isFinite =
    values instanceof Uint16Array
      ? values.every((bits) => (bits & HALF_EXPONENT) !== HALF_EXPONENT)
      : values.every(Number.isFinite);
  if (!isFinite) throw invalidFile(id, `${name} has values that are not finite`, 'finite numbers');
  return values;
}

/**
 * The eyes of a folder, for the base that it is read for.
 * @param config of eyes.json @param bytes of eyes.safetensors
 * @throws {EngineError} E_FORMAT_INVALID, E_ADAPTER_BASE for another width than the base's; as `decodeEyes`
 */
export async function readEyes(
  config: Uint8Array,
  bytes: Uint8Array<ArrayBuffer>,
  { config: { nEmbd, nVocab } }: AdapterBase,
): Promise<Eyes> {
  const parsed = eyesFactsSchema.safeParse(parseJsonObject(EYES_CONFIG_FILE, config));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw invalidFile(
      EYES_CONFIG_FILE,
      `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is invalid'}`,
      'what thimble finetune --images writes',
    );
  }
  const facts = parsed.data;
  if (facts.nEmbd !== nEmbd || facts.beginId >= nVocab || facts.endId >= nVocab)
    throw otherBase(
      EYES_CONFIG_FILE,
      `rows of ${facts.nEmbd} values between tokens ${facts.beginId} and ${facts.endId}`,
      `${nEmbd} values, and tokens below ${nVocab}`,
      { nEmbd: facts.nEmbd, expected: nEmbd },
    );
  return { facts, bytes, tensors: await decodeEyes(EYES_WEIGHTS_FILE, bytes, facts) };
}

/** What an encoder has to be for eyes to see through it: its network. The precision of its weights may change. */
export async function encoderHash({ config }: Pick<VisionManifest, 'config'>): Promise<string> {
  const entries = Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1));
  return await sha256Hex(new Uint8Array(new TextEncoder().encode(JSON.stringify(entries))));
}
