/**
 * llama.cpp's file of a vision tower (mmproj-*.gguf) beside the text model that reads it. Keys and names: tools/mtmd there
 * (clip-impl.h), for the projectors that are rows here.
 */
import { basename } from 'node:path';
import { CLIP_VISION } from '../../../engine/archs/towers/clip.ts';
import { SIGLIP } from '../../../engine/archs/towers/siglip.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { readGguf } from '../../../engine/formats/gguf.ts';
import type { GgufMetadata } from '../../../engine/formats/gguf.ts';
import type { SourceTensor } from '../../../engine/formats/source-tensor.ts';
import type { TowerConfig } from '../../../engine/manifest/tower-config.ts';
import { openFileSource } from '../../lib/file-source.ts';
import { KeyReader } from '../open/gguf-config.ts';
import { configError, openedTower } from '../open/opened-model.ts';
import type { OpenedModel } from '../open/opened-model.ts';
import { IDEFICS3, LLAVA } from './containers.ts';
import type { FrameTexts } from './containers.ts';
import { sightOf } from './sight-of.ts';

const BYTE = 255;
const IMAGE = '<image>';

/** A kind of what makes rows of a text model's width. */
interface Projector {
  readonly frame: FrameTexts;
  readonly outputNorm: boolean;
  readonly connector: (keys: KeyReader, nOut: number) => TowerConfig['connector'];
  readonly preparation: (keys: KeyReader, side: number) => TowerConfig['preparation'];
  /** Optional tensors that it has, by our names. */
  readonly wanted: readonly string[];
}

/** By `clip.projector_type`. */
const PROJECTORS: Readonly<Record<string, Projector>> = {
  idefics3: {
    ...{ frame: IDEFICS3.frame, outputNorm: true, wanted: [] },
    connector: (keys, nOut) => ({
      ...{ factor: keys.number('projector.scale_factor', 1), nOut, keepsFirst: false },
    }),
    preparation: (keys, side) => ({
      ...{ kind: 'tiles', filter: 'lanczos' },
      longestEdge: keys.number('preproc_image_size', 4 * side),
    }),
  },
  mlp: {
    ...{ frame: LLAVA.frame, outputNorm: false, wanted: ['connectInBias', 'connectOutBias'] },
    connector: (_, nOut) => ({ factor: 1, nHidden: nOut, nOut, keepsFirst: false }),
    preparation: (_, side) => ({ kind: 'centre', filter: 'cubic', shortestEdge: side }),
  },
};

/** Whether a file of this name is one of a tower. */
export function isMmprojName(name: string): boolean {
  return /^(.*[-_.])?mmproj[-_.]/i.test(name) && name.endsWith('.gguf');
}

/**
 * A text model with the tower of another file.
 * @throws {EngineError} E_FORMAT_INVALID naming the key; E_ARCH_UNKNOWN for another projector; what the reader throws
 */
export async function withMmproj(
  text: OpenedModel,
  path: string,
  open: AsyncDisposableStack,
): Promise<OpenedModel> {
  const where = basename(path);
  const file = open.use(await openFileSource(path));
  const { metadata, tensors } = await readGguf([file]);
  const keys = new KeyReader(where, metadata, 'clip.vision');
  const projector = projectorOf(where, metadata);
  const { fields, tokenizer } = text;
  if (fields.kind !== 'decoder' || fields.config.embeddingScale !== undefined || tokenizer === null)
    throw configError(where, `${text.name} reads no rows; expected a text model that does`, {});
  const family = tensors.some(({ name }) => name === 'v.class_embd') ? CLIP_VISION : SIGLIP;
  const side = keys.number('image_size');
  const kind = openedTower(family, where, {
    ...{ side, patch: keys.number('patch_size'), ...normalisation(where, keys) },
    ...{ nLayer: keys.number('block_count'), nEmbd: keys.number('embedding_length') },
    ...{ nHead: keys.number('attention.head_count'), nFf: keys.number('feed_forward_length') },
    normEps: keys.number('attention.layer_norm_epsilon'),
    ffn: activation(where, metadata),
    outputNorm: projector.outputNorm,
    connector: projector.connector(keys, fields.config.nEmbd),
    preparation: projector.preparation(keys, side),
  });
  const { config } = kind.fields;
  const tower: OpenedModel = {
    ...kind,
    ...{ format: 'gguf', files: [file], naming: 'gguf', tokenizer: null },
    tensors: inTheirPlaces(tensors, config),
    wanted: new Set(projector.wanted),
    ...{ name: where.replace(/\.gguf$/, ''), licence: text.licence, card: text.card },
  };
  const sight = sightOf(projector.frame, config, tokenizer, (own) => {
    const ids = own.encode(IMAGE, { special: true });
    return ids.length === 1 ? ids[0] : undefined;
  });
  return { ...text, seen: { tower, sight } };
}

function projectorOf(where: string, metadata: GgufMetadata): Projector {
  const type = metadata.get('clip.projector_type');
  if (typeof type === 'string' && Object.hasOwn(PROJECTORS, type)) return PROJECTORS[type]!;
  const shown = typeof type === 'string' ? type.slice(0, 40) : 'none';
  throw new EngineError(
    'E_ARCH_UNKNOWN',
    `${where}: clip.projector_type '${shown}' is not known; expected ${Object.keys(PROJECTORS).join(' or ')}. Use another model.`,
    { details: { type: shown } },
  );
}

function activation(where: string, metadata: GgufMetadata): TowerConfig['ffn'] {
  if (metadata.get('clip.use_silu') === true)
    throw configError(where, 'clip.use_silu is not supported', {});
  return metadata.get('clip.use_gelu') === true ? 'gelu-tanh' : 'gelu-quick';
}

function normalisation(where: string, keys: KeyReader): Pick<TowerConfig, 'mean' | 'deviation'> {
  const three = (key: string): [number, number, number] => {
    const list = keys.list(key) ?? [];
    const numbers = list.filter((value) => typeof value === 'number' && Number.isFinite(value));
    if (list.length !== 3 || numbers.length !== 3)
      throw configError(where, `key clip.vision.${key}; expected three numbers`, { key });
    return (numbers as number[]).map((value) => value * BYTE) as [number, number, number];
  };
  return { mean: three('image_mean'), deviation: three('image_std') };
}

/** Older converters called the two products of a layer by each other's names; norms that are not run are left out. */
function inTheirPlaces(tensors: readonly SourceTensor[], c: TowerConfig): SourceTensor[] {
  const down = tensors.find(({ name }) => name === 'v.blk.0.ffn_down.weight');
  const isSwapped = c.nFf !== c.nEmbd && down?.dims[0] === c.nFf && down.dims[1] === c.nEmbd;
  const swap = (name: string) =>
    name.replace(/\.ffn_(up|down)\./, (_, part) => (part === 'up' ? '.ffn_down.' : '.ffn_up.'));
  return tensors
    .filter(({ name }) => c.outputNorm || !name.startsWith('v.post_ln.'))
    .map((tensor) => (isSwapped ? { ...tensor, name: swap(tensor.name) } : tensor));
}
