/** Tasks an .onnx file can be imported for: a row each. */
import { invalidFile } from '../../../engine/formats/byte-source.ts';
import type { OnnxTask } from '../../../engine/manifest/onnx.ts';
import { runVad, VAD_RATE } from '../../../worker/onnx/tasks/voice-activity.ts';
import { ocrPair } from './ocr.ts';
import { piperVoice } from './piper.ts';
import type { MakeRecipe, Recipe } from './recipe.ts';
import { inputRows, outputRows } from './values.ts';

/** Any graph, run on tensors. */
const tensors: MakeRecipe = async ({ file, path, dims }) => ({
  task: { name: 'tensors' },
  graphs: [
    {
      name: 'main',
      file,
      inputs: inputRows(path, file.graph, dims),
      outputs: outputRows(path, file.graph),
      optimization: 'all',
    },
  ],
});

const voiceActivity: MakeRecipe = async ({ file, path }): Promise<Recipe> => {
  const names = file.graph.inputs.map(({ name }) => name).join(', ');
  if (names !== 'input, state, sr')
    throw invalidFile(
      path,
      'is not a Silero detector of version 5 or 6',
      'inputs input, state, sr',
      {
        inputs: names,
      },
    );
  return {
    task: { name: 'voice-activity' },
    graphs: [
      {
        name: 'main',
        file,
        // 64 samples of context and 512 new ones (worker/onnx/tasks/voice-activity.ts).
        inputs: [
          { name: 'input', dtype: 'float32', shape: [1, 576] },
          { name: 'state', dtype: 'float32', shape: [2, 1, 128] },
          { name: 'sr', dtype: 'int64', shape: [] },
        ],
        outputs: outputRows(path, file.graph),
        optimization: 'all',
      },
    ],
    exercise: async (model) => void (await runVad(model, { samples: new Float32Array(VAD_RATE) })),
  };
};

/** Yahoo's classifier takes one picture at a time here (docs/onnx.md says how it is prepared). */
const openNsfw: MakeRecipe = async (input): Promise<Recipe> => {
  const { task: _task, ...rest } = await tensors({ ...input, dims: new Map([['batch', 1]]) });
  return {
    ...rest,
    task: { name: 'image-moderation', image: 'vgg-bgr-224', labels: ['sfw', 'nsfw'] },
  };
};

export const RECIPES: Partial<Readonly<Record<OnnxTask['name'], MakeRecipe>>> = {
  tensors,
  'voice-activity': voiceActivity,
  'speech-synthesis': piperVoice,
  'image-moderation': openNsfw,
  'text-recognition': ocrPair,
};
export const ONNX_TASK_NAMES = Object.keys(RECIPES);
