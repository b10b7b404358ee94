/** Models as Ollama describes them. */
import type { Manifest } from '../../../engine/manifest/manifest.ts';
import { adapterModelId } from '../../../engine/manifest/adapters.ts';
import type { StoredManifest } from '../../platform/model-files.ts';
import type { ListedAdapter } from '../../serving/models/list-manifests.ts';
import { nameOf } from './names.ts';
import type { DetailsJson } from './schema.ts';

/** Weights and their files. */
function sizeOf(manifest: Manifest): { readonly nBytes: number; readonly nWeight: number } {
  const rows = 'shards' in manifest ? manifest.shards : manifest.files;
  const nBytes = rows.reduce((sum, { bytes }) => sum + bytes, 0);
  const tensors = 'tensors' in manifest ? manifest.tensors : [];
  const nWeight = tensors.reduce((sum, { shape }) => sum + shape[0] * shape[1], 0);
  return { nBytes, nWeight };
}

/** `134M`, as Ollama writes numbers of weights. */
function weightText(nWeight: number): string {
  if (nWeight >= 1e9) return `${(nWeight / 1e9).toFixed(1)}B`;
  return nWeight >= 1e6 ? `${(nWeight / 1e6).toFixed(0)}M` : `${(nWeight / 1e3).toFixed(0)}K`;
}

export function detailsJson(manifest: Manifest): DetailsJson {
  const family = 'architecture' in manifest ? manifest.architecture : manifest.kind;
  return {
    parent_model: '',
    format: 'thimble',
    ...{ family, families: [family] },
    parameter_size: weightText(sizeOf(manifest).nWeight),
    quantization_level: 'preset' in manifest ? manifest.preset : '',
  };
}

export function listedJson({ manifest, version }: StoredManifest) {
  const name = nameOf(manifest.id);
  return {
    ...{ name, model: name, size: sizeOf(manifest).nBytes },
    digest: version,
    details: detailsJson(manifest),
  };
}

export function adapterJson({ base, adapter }: ListedAdapter) {
  const name = adapterModelId(base.manifest.id, adapter.name);
  return {
    ...{ name, model: name, size: adapter.bytes, digest: adapter.sha256 },
    details: { ...detailsJson(base.manifest), parent_model: nameOf(base.manifest.id) },
  };
}

/** What a model can do, in Ollama's words. @param seesPictures whether pictures are read for text models */
export function capabilitiesOf(manifest: Manifest, seesPictures: boolean): string[] {
  if (manifest.kind === 'encoder') return ['embedding'];
  if (manifest.kind !== 'decoder') return [];
  return [
    'completion',
    ...(manifest.chatTemplate === null ? [] : ['tools']),
    ...(seesPictures ? ['vision'] : []),
  ];
}

export function modelInfo(manifest: Manifest): Record<string, unknown> {
  const about = { 'general.basename': manifest.name, 'general.license': manifest.licence };
  if (!('architecture' in manifest)) return about;
  const { architecture } = manifest;
  const context = manifest.kind === 'decoder' ? manifest.config.nCtx : null;
  return {
    ...about,
    'general.architecture': architecture,
    'general.parameter_count': sizeOf(manifest).nWeight,
    ...(context === null ? {} : { [`${architecture}.context_length`]: context }),
  };
}
