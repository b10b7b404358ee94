/**
 * Vectors of tokens that were trained here for embedding models of others (scripts/train/late-interaction.py), which
 * rank by late interaction with them. A file of assets/late-interaction says for which model it is.
 */
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { LATE_NAMES } from '../../../engine/archs/encoders/late-interaction.ts';
import { familyByName } from '../../../engine/archs/index.ts';
import { readRange } from '../../../engine/formats/byte-source.ts';
import { readSafetensors, readSafetensorsMetadata } from '../../../engine/formats/safetensors.ts';
import type { EncoderConfig } from '../../../engine/manifest/manifest.ts';
import { dequantize } from '../../../engine/quant/dequantize.ts';
import { openFileSource } from '../../lib/file-source.ts';
import { repoRoot } from '../../lib/paths.ts';
import { configError, openedEncoder } from './opened-model.ts';
import type { OpenedModel } from './opened-model.ts';

export const LATE_FOLDER = join(repoRoot, 'assets/late-interaction');

/** The weights that a model is known by: files of all types have them as they were trained. */
const KNOWN_BY = 'embdNorm';

const number = z.string().transform(Number).pipe(z.number());
const metadataSchema = z.object({
  /** SHA-256 of the weights of KNOWN_BY, little-endian float32. */
  base: z.string().regex(/^[0-9a-f]{64}$/),
  importance_offset: number,
  text_share: number,
  scale: number,
  offset: number,
});

/**
 * The model with vectors of tokens, where there are some for it.
 * @throws {EngineError} E_FORMAT_INVALID for a damaged file of vectors
 */
export async function withLateInteraction(
  model: OpenedModel,
  open: AsyncDisposableStack,
  folder = LATE_FOLDER,
): Promise<OpenedModel> {
  const { fields } = model;
  if (fields.kind !== 'encoder' || fields.config.pooling === 'rank') return model;
  const base = await hashOfBase(model);
  if (base === null) return model;
  for (const name of (await readdir(folder)).filter((one) => one.endsWith('.safetensors'))) {
    const file = await openFileSource(join(folder, name));
    const parsed = metadataSchema.safeParse(
      Object.fromEntries(await readSafetensorsMetadata(file)),
    );
    if (parsed.success && parsed.data.base === base) {
      open.use(file);
      const tensors = await readSafetensors([file]);
      const width = tensors.find((tensor) => tensor.name === LATE_NAMES.projection)?.dims[0] ?? 0;
      const { importance_offset: importanceOffset, text_share: textShare } = parsed.data;
      const { scale, offset } = parsed.data;
      const late = { width, importanceOffset, textShare, scale, offset };
      return withTensors(model, fields.config, late, { tensors, file });
    }
    await file[Symbol.asyncDispose]();
    if (!parsed.success)
      throw configError(name, `metadata: ${parsed.error.issues[0]?.path.join('.') ?? ''}`, {});
  }
  return model;
}

function withTensors(
  model: OpenedModel,
  config: EncoderConfig,
  late: NonNullable<EncoderConfig['late']>,
  { tensors, file }: Pick<OpenedModel, 'tensors'> & { readonly file: OpenedModel['files'][number] },
): OpenedModel {
  const family = familyByName('encoder', model.architecture);
  return {
    ...model,
    ...openedEncoder(family, model.name, { ...config, late }),
    tensors: [...model.tensors, ...tensors],
    files: [...model.files, file],
  };
}

/** Null for models without such weights, or with rounded ones. */
async function hashOfBase({ instances, tensors, naming }: OpenedModel): Promise<string | null> {
  const place = instances.find(({ name }) => name === KNOWN_BY)?.places[naming];
  const tensor = tensors.find(({ name }) => name === place?.name);
  if (tensor?.dtype !== 'F32') return null;
  const bytes = await readRange(tensor.source, tensor.offset, tensor.bytes, tensor.name);
  const values = Float32Array.from(dequantize(tensor.dtype, bytes));
  return createHash('sha256').update(new Uint8Array(values.buffer)).digest('hex');
}
