/**
 * A Piper voice (VITS, arXiv 2106.06103; github.com/rhasspy/piper) as three graphs. Encoder and
 * duration predictor give each phoneme's frames, mean and deviation; our own code draws and repeats
 * them (worker/onnx/tasks/speak.ts), so that noise is an input and a seed gives the same speech; flow
 * and vocoder then run over windows, which bounds memory and gives the first sound early. Encoder and
 * flow are stored in 8 bits; the vocoder, which is a tenth of the weights and nine tenths of the
 * sound's fidelity, in floats.
 */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { EngineError } from '../../../engine/base/errors.ts';
import { invalidFile } from '../../../engine/formats/byte-source.ts';
import type { OnnxValueRow, Voice } from '../../../engine/manifest/onnx.ts';
import { quantizeWeights } from '../../../engine/onnx/quantize-weights.ts';
import { subgraph } from '../../../engine/onnx/subgraph.ts';
import type { OnnxGraph, OnnxModel, OnnxNode, OnnxValue } from '../../../engine/onnx/types.ts';
import {
  FLOW_WINDOW_MAX,
  MAX_SPEAK_IDS,
  speakIds,
  VOCODER_WINDOW_MAX,
} from '../../../worker/onnx/tasks/speak.ts';
import type { Recipe, RecipeGraph, RecipeInput } from './recipe.ts';

/** Smaller weights stay as they are: they cost little, and norms and biases matter. */
const MIN_QUANTIZED_BYTES = 64 * 1024;
/** The second window of flow and vocoder is one of the largest. */
const EXERCISED_CHUNKS = 4;
/** Samples a frame of the published medium voices: three upsamplings by 8, 8 and 4. */
const HOP = 256;
/** The duration predictor stays in floats: a rounded duration is audible. */
const KEPT = /^dp\./;

const voiceJson = z.object({
  audio: z.object({ sample_rate: z.number().int() }),
  espeak: z.object({ voice: z.string() }).optional(),
  inference: z.object({
    noise_scale: z.number(),
    length_scale: z.number(),
    noise_w: z.number(),
  }),
  num_speakers: z.number().int(),
  phoneme_id_map: z.record(z.string(), z.array(z.number().int()).min(1)),
});

export async function piperVoice({ file, path }: RecipeInput): Promise<Recipe> {
  const cuts = findCuts(path, file.graph);
  const voice = await readVoice(path, cuts.channels);
  const float = (name: string, dims: readonly (string | number)[]): OnnxValue => ({
    name,
    dtype: 'float32',
    dims,
  });
  const int64 = (name: string, dims: readonly (string | number)[]): OnnxValue => ({
    name,
    dtype: 'int64',
    dims,
  });
  const { channels } = cuts;
  const encoder: Part = {
    name: 'encoder',
    inputs: [
      int64('input', [1, 'phonemes']),
      int64('input_lengths', [1]),
      float('scales', [3]),
      float(cuts.noise, [1, 2, 'phonemes']),
    ],
    outputs: [
      float(cuts.durations, [1, 1, 'phonemes']),
      float(cuts.means, [1, channels, 'phonemes']),
      float(cuts.deviations, [1, channels, 'phonemes']),
    ],
    max: MAX_SPEAK_IDS,
  };
  const flow: Part = {
    name: 'flow',
    inputs: [float(cuts.prior, [1, channels, 'frames']), float(cuts.mask, [1, 1, 'frames'])],
    outputs: [float(cuts.latent, [1, channels, 'frames'])],
    max: FLOW_WINDOW_MAX,
  };
  const vocoder: Part = {
    name: 'vocoder',
    inputs: [float(cuts.latent, [1, channels, 'frames'])],
    outputs: [float('output', [1, 1, 1, 'samples'])],
    max: VOCODER_WINDOW_MAX,
  };
  return {
    task: { name: 'speech-synthesis', voice },
    graphs: [encoder, flow, vocoder].map((part) => cut(path, file, part)),
    exercise: async (model) => {
      // The longest possible sentence, up to the largest windows.
      const ids = Array.from({ length: MAX_SPEAK_IDS }, (_, i) =>
        i % 2 === 0 ? 0 : 14 + (i % 20),
      );
      let nChunk = 0;
      for await (const _ of speakIds(model, voice, ids)) if (++nChunk === EXERCISED_CHUNKS) break;
    },
  };
}

interface Part {
  readonly name: string;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  /** Size of its one named dimension. */
  readonly max: number;
}

/** Inputs and outputs keep their names of the file; rows of the manifest name them in order. */
function cut(path: string, file: OnnxModel, { name, inputs, outputs, max }: Part): RecipeGraph {
  const whole = subgraph(path, file.graph, inputs, outputs);
  const graph =
    name === 'vocoder'
      ? whole
      : quantizeWeights(
          whole,
          (tensor) =>
            !KEPT.test(tensor.name) &&
            tensor.place.kind === 'inline' &&
            tensor.place.bytes.length >= MIN_QUANTIZED_BYTES,
        );
  const row = (value: OnnxValue): OnnxValueRow => ({
    name: value.name,
    dtype: value.dtype === 'int64' ? 'int64' : 'float32',
    shape: (value.dims ?? []).map((dim) =>
      typeof dim === 'number' ? dim : { name: dim ?? '', max: dim === 'samples' ? max * HOP : max },
    ),
  });
  return {
    name,
    file: { ...file, graph },
    inputs: inputs.map(row),
    outputs: outputs.map(row),
    // Constants may be folded: onnxruntime leaves DequantizeLinear alone (measured: no byte more).
    optimization: name === 'vocoder' ? 'all' : 'basic',
  };
}

interface Cuts {
  readonly channels: number;
  readonly noise: string;
  readonly durations: string;
  readonly means: string;
  readonly deviations: string;
  readonly prior: string;
  readonly mask: string;
  readonly latent: string;
}

/**
 * Where the exported graph is cut, found by its structure:
 * prior = means + noise * exp(deviations) * scale, each repeated by the durations' matrix.
 */
function findCuts(path: string, graph: OnnxGraph): Cuts {
  const fail = (what: string) =>
    invalidFile(
      path,
      `is not a supported Piper voice: ${what}`,
      'a single-speaker voice of medium quality',
    );
  const inputs = graph.inputs.map(({ name }) => name).join(', ');
  if (inputs !== 'input, input_lengths, scales') throw fail(`its inputs are ${inputs}`);
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node])));
  const need = <T>(value: T | undefined, what: string): T => {
    if (value === undefined) throw fail(`it has no ${what}`);
    return value;
  };
  const maker = (name: string | undefined, opType: string): OnnxNode => {
    const node = makers.get(name ?? '');
    return need(node?.opType === opType ? node : undefined, `${opType} for ${name}`);
  };
  const only = (opType: string, consumes: string): OnnxNode =>
    need(
      graph.nodes.find((node) => node.opType === opType && node.inputs.includes(consumes)),
      opType,
    );
  const noises = graph.nodes.filter(({ opType }) => opType === 'RandomNormalLike');
  const noise = need(noises[0]?.outputs[0], 'noise of durations');
  const drawn = need(noises[1]?.outputs[0], 'noise of the prior');
  const times = only('Mul', drawn);
  const scaled = only('Mul', need(times.outputs[0], 'product'));
  const sum = only('Add', need(scaled.outputs[0], 'product'));
  const beforeRepeat = (name: string | undefined): string => {
    const product = maker(maker(name, 'Transpose').inputs[0], 'MatMul');
    return need(maker(product.inputs[1], 'Transpose').inputs[0], 'value that is repeated');
  };
  const latent = need(
    graph.nodes.find(({ inputs: [, weight] }) => weight === 'dec.conv_pre.weight')?.inputs[0],
    'vocoder',
  );
  const width = graph.initializers.find(({ name }) => name === 'dec.conv_pre.weight')?.dims[1];
  return {
    channels: need(width, 'width'),
    noise,
    durations: need(graph.nodes.find(({ opType }) => opType === 'Ceil')?.outputs[0], 'durations'),
    means: beforeRepeat(sum.inputs.find((name) => name !== scaled.outputs[0])),
    deviations: beforeRepeat(
      maker(
        times.inputs.find((name) => name !== drawn),
        'Exp',
      ).inputs[0],
    ),
    prior: need(sum.outputs[0], 'prior'),
    mask: need(maker(latent, 'Mul').inputs[1], 'mask'),
    latent,
  };
}

/** The voice's facts lie beside the graph: `voice.onnx.json`. */
async function readVoice(path: string, channels: number): Promise<Voice> {
  const text = await readFile(`${path}.json`, 'utf8').catch((cause: unknown) => {
    throw new EngineError(
      'E_USAGE',
      `import: ${path}.json is missing; expected the voice's facts beside its graph. Fetch both files.`,
      { cause },
    );
  });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw invalidFile(`${path}.json`, 'is not JSON', "the voice's facts");
  }
  const parsed = voiceJson.safeParse(json);
  if (!parsed.success)
    throw invalidFile(
      `${path}.json`,
      String(parsed.error.issues[0]?.path.join('.')),
      "a voice's facts",
    );
  const { audio, espeak, inference, num_speakers: nSpeaker, phoneme_id_map: map } = parsed.data;
  if (nSpeaker !== 1)
    throw invalidFile(`${path}.json`, `has ${nSpeaker} speakers`, 'a voice of one speaker');
  return {
    language: (espeak?.voice ?? '').slice(0, 20),
    sampleRate: audio.sample_rate,
    hop: HOP,
    channels,
    noiseScale: inference.noise_scale,
    lengthScale: inference.length_scale,
    noiseW: inference.noise_w,
    phonemeIds: Object.fromEntries(Object.entries(map).map(([symbol, [id = 0]]) => [symbol, id])),
  };
}
