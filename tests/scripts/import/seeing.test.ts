/** Folders of models that see: what is imported of them, and what is refused by its name. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requireKind } from '../../../engine/manifest/manifest.ts';
import { importModel } from '../../../scripts/import/import-model.ts';
import { STORIES_FILE } from '../../support/models.ts';
import { failure, outRoot, root, run } from '../../support/import-folder.ts';
import { SEEING, writeSeeing } from '../../support/tiny-seeing.ts';
import type { SeeingFolder, SeeingName } from '../../support/tiny-seeing.ts';

type Change = (model: SeeingFolder) => Partial<SeeingFolder>;

async function importChanged(name: SeeingName, change: Change = () => ({})) {
  const model = SEEING[name]();
  return await run(await writeSeeing(join(root, name), { ...model, ...change(model) }));
}

const config =
  (fields: Readonly<Record<string, unknown>>): Change =>
  (model) => ({ config: { ...model.config, ...fields } });
const vision =
  (fields: Readonly<Record<string, unknown>>): Change =>
  (model) => ({
    config: {
      ...model.config,
      vision_config: { ...(model.config['vision_config'] as object), ...fields },
    },
  });
const processor =
  (fields: Readonly<Record<string, unknown>>): Change =>
  (model) => ({ processor: { ...model.processor, ...fields } });
const without =
  (pattern: RegExp): Change =>
  (model) => ({ tensors: model.tensors.filter(({ name }) => !pattern.test(name)) });

describe('what is imported', () => {
  test('two models, the text model naming its tower by id and hash', async () => {
    const { manifest, tower } = await importChanged('idefics3');
    expect((await readdir(outRoot())).sort()).toEqual(['tiny', 'tiny-tower']);
    const { sight } = requireKind(manifest, 'decoder');
    expect(sight).toMatchObject({ tower: 'tiny-tower', towerSha256: tower?.manifest.sourceSha256 });
    expect(sight?.tiles?.begin.map((line) => line.map((ids) => ids.length))).toEqual([
      [2, 2],
      [2, 2],
    ]);
    expect(requireKind(tower!.manifest, 'tower').config).toMatchObject({
      ...{ side: 16, patch: 4, nLayer: 2, outputNorm: true, ffn: 'gelu-tanh' },
      connector: { factor: 2, nOut: 40, keepsFirst: false },
    });
  });

  test('of LLaVA only the layers whose rows are taken', async () => {
    const { tower } = await importChanged('llava');
    const { config, tensors } = requireKind(tower!.manifest, 'tower');
    expect(config).toMatchObject({ nLayer: 2, outputNorm: false, ffn: 'gelu-quick' });
    expect(tensors.some(({ name }) => /layers\.2\.|outputNorm/.test(name))).toBe(false);
  });

  test("names of newer files, and fields that SmolVLM's leave out", async () => {
    const renamed = await importChanged('llava', (model) => ({
      tensors: model.tensors.map((tensor) => ({
        ...tensor,
        name: tensor.name
          .replace(/^language_model\.lm_head/, 'lm_head')
          .replace(/^language_model\.model\./, 'model.language_model.')
          .replace(/^vision_tower\./, 'model.vision_tower.')
          .replace(/^multi_modal_projector\./, 'model.multi_modal_projector.'),
      })),
    }));
    const plain = SEEING.llava();
    expect(renamed.tower?.reports.size).toBeGreaterThan(0);
    expect(renamed.reports.size + renamed.tower!.reports.size).toBe(
      // The last layer's sixteen tensors and the two of the last norm.
      plain.tensors.length - 18,
    );
  });

  test('SmolVLM is an Idefics 3 under another name', async () => {
    const smol = await importChanged('idefics3', (model) => ({
      config: {
        ...model.config,
        model_type: 'smolvlm',
        vision_config: {
          ...(model.config['vision_config'] as object),
          model_type: 'smolvlm_vision',
        },
      },
    }));
    expect(smol.tower?.manifest.architecture).toBe('siglip');
  });
});

describe('what lies or is unknown is refused by its name', () => {
  test.each<[string, SeeingName, Change, string, RegExp]>([
    [
      'a patch',
      'idefics3',
      vision({ patch_size: 5 }),
      'E_FORMAT_INVALID',
      /patch 5 does not divide side 16/,
    ],
    ['a side', 'idefics3', vision({ image_size: 1e9 }), 'E_FORMAT_INVALID', /side/],
    [
      'patches without end',
      'llava',
      vision({ image_size: 1024, patch_size: 1 }),
      'E_FORMAT_INVALID',
      /patches, more than 4096|side/,
    ],
    [
      'heads',
      'idefics3',
      vision({ num_attention_heads: 5 }),
      'E_FORMAT_INVALID',
      /nEmbd 24 is not a multiple/,
    ],
    ['a width', 'idefics3', vision({ hidden_size: 32 }), 'E_TENSOR_SHAPE', /patch_embedding/],
    [
      'layers that are not there',
      'idefics3',
      vision({ num_hidden_layers: 3 }),
      'E_TENSOR_MISSING',
      /encoder\.layers\.2/,
    ],
    [
      'layers that are not told',
      'idefics3',
      vision({ num_hidden_layers: 1 }),
      'E_FORMAT_INVALID',
      /encoder\.layers\.1/,
    ],
    [
      'a factor',
      'idefics3',
      config({ scale_factor: 3 }),
      'E_FORMAT_INVALID',
      /factor 3 does not divide 4/,
    ],
    [
      'half a factor',
      'idefics3',
      config({ scale_factor: 1.5 }),
      'E_FORMAT_INVALID',
      /scale_factor/,
    ],
    [
      'another width of the connector',
      'idefics3',
      config({ scale_factor: 4 }),
      'E_TENSOR_SHAPE',
      /connector\.weight/,
    ],
    [
      'a missing connector',
      'idefics3',
      without(/modality_projection/),
      'E_TENSOR_MISSING',
      /connector\.weight/,
    ],
    [
      'a missing bias of the connector',
      'llava',
      without(/linear_2\.bias/),
      'E_TENSOR_MISSING',
      /connector\.linear_2\.bias/,
    ],
    [
      'a missing norm',
      'idefics3',
      without(/post_layernorm\.weight/),
      'E_TENSOR_MISSING',
      /post_layernorm/,
    ],
    [
      'no vision_config',
      'idefics3',
      config({ vision_config: null }),
      'E_FORMAT_INVALID',
      /max_image_size.*224, the side of the tower/,
    ],
    ['no text_config', 'llava', config({ text_config: 7 }), 'E_FORMAT_INVALID', /text_config/],
    [
      'an embedder for a text model',
      'llava',
      config({ text_config: { model_type: 'bert' } }),
      'E_FORMAT_INVALID',
      /text_config: an embedding model/,
    ],
    [
      'another tower',
      'llava',
      vision({ model_type: 'vit_mae' }),
      'E_ARCH_UNKNOWN',
      /vit_mae.*siglip_vision_model/,
    ],
    [
      'another activation',
      'llava',
      vision({ hidden_act: 'relu' }),
      'E_FORMAT_INVALID',
      /vision_config\.hidden_act/,
    ],
    [
      "the last layer's rows",
      'llava',
      config({ vision_feature_layer: -1 }),
      'E_FORMAT_INVALID',
      /vision_feature_layer -1/,
    ],
    [
      'several layers',
      'llava',
      config({ vision_feature_layer: [-2, -3] }),
      'E_FORMAT_INVALID',
      /vision_feature_layer/,
    ],
    [
      'another choice of rows',
      'llava',
      config({ vision_feature_select_strategy: 'cls' }),
      'E_FORMAT_INVALID',
      /vision_feature_select_strategy/,
    ],
    [
      'another projector',
      'llava',
      config({ projector_hidden_act: 'relu' }),
      'E_FORMAT_INVALID',
      /projector_hidden_act/,
    ],
    [
      'a picture token that is text',
      'idefics3',
      config({ image_token_id: 5 }),
      'E_FORMAT_INVALID',
      /image_token_id/,
    ],
    [
      'tiles of another side',
      'idefics3',
      processor({ max_image_size: { longest_edge: 32 } }),
      'E_FORMAT_INVALID',
      /max_image_size\.longest_edge.*16/,
    ],
    [
      'more tiles than are read',
      'idefics3',
      processor({ size: { longest_edge: 400 } }),
      'E_FORMAT_INVALID',
      /longestEdge 400 is more than 8 tiles/,
    ],
    ['a filter', 'idefics3', processor({ resample: 0 }), 'E_FORMAT_INVALID', /resample/],
    [
      'a deviation of nothing',
      'idefics3',
      processor({ image_std: [0.5, 0, 0.5] }),
      'E_FORMAT_INVALID',
      /deviation/,
    ],
    [
      'a mean of one channel',
      'llava',
      processor({ image_mean: [0.5] }),
      'E_FORMAT_INVALID',
      /image_mean/,
    ],
    [
      'a smaller edge than the square',
      'llava',
      processor({ size: { shortest_edge: 12 } }),
      'E_FORMAT_INVALID',
      /size\.shortest_edge/,
    ],
    [
      'no middle',
      'llava',
      processor({ do_center_crop: false }),
      'E_FORMAT_INVALID',
      /do_center_crop/,
    ],
    [
      'pictures as they are',
      'llava',
      processor({ do_rescale: false }),
      'E_FORMAT_INVALID',
      /do_rescale/,
    ],
  ])('%s', async (_, name, change, code, message) => {
    const error = await failure(importChanged(name, change));
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
    // Nothing that is half there has a model's name.
    const there = await readdir(outRoot()).catch(() => []);
    expect(there.filter((entry) => entry === 'tiny')).toEqual([]);
  });

  test('a text model whose tensors are not all there leaves no tower behind', async () => {
    const error = await failure(importChanged('idefics3', without(/text_model\.norm/)));
    expect(error.code).toBe('E_TENSOR_MISSING');
    expect(await readdir(outRoot())).not.toContain('tiny-tower');
  });

  test('a tower of an import that was cut off is replaced, another model of its name is not', async () => {
    await importChanged('idefics3');
    await rm(join(outRoot(), 'tiny'), { recursive: true });
    const { tower } = await importChanged('idefics3');
    expect(tower?.manifest.id).toBe('tiny-tower');
    await rm(outRoot(), { recursive: true });
    await importModel({ input: STORIES_FILE, id: 'tiny-tower', outRoot: outRoot() });
    const error = await failure(importChanged('idefics3'));
    expect(error.code).toBe('E_USAGE');
    expect(error.message).toMatch(/tiny-tower exists already/);
  });

  test('a tower without its text model', async () => {
    const change: Change = () => ({ config: { model_type: 'siglip_vision_model' } });
    const error = await failure(importChanged('idefics3', change));
    expect(error.code).toBe('E_ARCH_UNKNOWN');
    expect(error.message).toMatch(/vision tower \(siglip\) without the text model/);
  });
});
