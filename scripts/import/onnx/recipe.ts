/** What an .onnx file becomes: graphs, their inputs and outputs, and what the model is for. */
import type { OnnxGraphRow, OnnxManifest } from '../../../engine/manifest/onnx.ts';
import type { OnnxModel as OnnxFile } from '../../../engine/onnx/types.ts';
import type { OnnxModel } from '../../../worker/onnx/load-model.ts';

/** A graph as it will be written, weights still inside (or in files beside the source). */
export interface RecipeGraph extends Pick<
  OnnxGraphRow,
  'name' | 'inputs' | 'outputs' | 'optimization'
> {
  readonly file: OnnxFile;
}

export interface Recipe {
  readonly task: OnnxManifest['task'];
  readonly graphs: readonly RecipeGraph[];
  /** Runs the largest thing the task will ever run; zeros at the largest shapes without it. */
  readonly exercise?: (model: OnnxModel) => Promise<void>;
}

export interface RecipeInput {
  readonly file: OnnxFile;
  /** The source, for files beside it and for messages. */
  readonly path: string;
  /** Largest sizes of named dimensions. */
  readonly dims: ReadonlyMap<string, number>;
}

export type MakeRecipe = (input: RecipeInput) => Promise<Recipe>;
