/**
 * Hugging Face folders that hold a text model and its vision tower: a row a family, by `model_type`. Names of tensors are
 * those of transformers and, where they differ, of older writers.
 */
import type { Sight } from '../../../engine/manifest/sight.ts';
import { readCentre, readTiles } from './read-preparation.ts';
import type { PreparationReader } from './read-preparation.ts';

/** Whose a tensor is. */
export type Part = 'tower' | 'text';

/** Names that begin so, whose they are, and what takes the place of that beginning. */
export type Renaming = readonly [from: string, part: Part, to: string];

/** Markers around the rows of a picture, as text that the tokenizer knows. */
export interface FrameTexts {
  readonly before: string;
  readonly after: string;
  readonly tiles?: {
    /** Row and column from 1 on. */
    readonly begin: (row: number, column: number) => string;
    readonly rowEnd: string;
    readonly lastEnd: string;
  };
}
export type Frame = Pick<Sight, 'before' | 'after' | 'tiles'>;

export interface Container {
  readonly modelTypes: readonly string[];
  readonly renamings: readonly Renaming[];
  /** `model_type` of a vision_config that has none, and what such a one leaves out. */
  readonly vision: {
    readonly modelType: string;
    readonly defaults: Readonly<Record<string, number>>;
  };
  /** The field of config.json with the id of the token that stands for a picture. */
  readonly imageIdFields: readonly string[];
  readonly connector: 'shuffle' | 'two-products';
  readonly frame: FrameTexts;
  readonly readPreparation: PreparationReader;
}

const AROUND = '<fake_token_around_image>';

export const IDEFICS3: Container = {
  modelTypes: ['idefics3', 'smolvlm'],
  renamings: [
    ['model.vision_model.', 'tower', ''],
    ['model.connector.modality_projection.proj.', 'tower', 'connector.'],
    ['model.text_model.', 'text', 'model.'],
  ],
  vision: { modelType: 'idefics3_vision', defaults: {} },
  imageIdFields: ['image_token_id'],
  connector: 'shuffle',
  frame: {
    before: `${AROUND}<global-img>`,
    after: AROUND,
    tiles: {
      begin: (row, column) => `${AROUND}<row_${row}_col_${column}>`,
      rowEnd: '\n',
      lastEnd: '\n\n',
    },
  },
  readPreparation: readTiles,
};

export const LLAVA: Container = {
  modelTypes: ['llava'],
  renamings: [
    ['vision_tower.vision_model.', 'tower', ''],
    ['multi_modal_projector.', 'tower', 'connector.'],
    ['language_model.', 'text', ''],
    ['model.vision_tower.vision_model.', 'tower', ''],
    ['model.vision_tower.', 'tower', ''],
    ['model.multi_modal_projector.', 'tower', 'connector.'],
    ['model.language_model.', 'text', 'model.'],
  ],
  vision: {
    modelType: 'clip_vision_model',
    defaults: {
      ...{ hidden_size: 1024, intermediate_size: 4096, num_hidden_layers: 24 },
      ...{ num_attention_heads: 16, image_size: 336, patch_size: 14 },
    },
  },
  imageIdFields: ['image_token_id', 'image_token_index'],
  connector: 'two-products',
  frame: { before: '', after: '' },
  readPreparation: readCentre,
};

const CONTAINERS: readonly Container[] = [IDEFICS3, LLAVA];

export function findContainer(modelType: string): Container | undefined {
  return CONTAINERS.find(({ modelTypes }) => modelTypes.includes(modelType));
}
