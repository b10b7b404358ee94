/**
 * `manifest.json` of an ONNX model: its graphs, what goes in and comes out, and the files they lie in.
 * Hostile until parsed, like every manifest.
 */
import { z } from 'zod';
import { about, fileName, sha256 } from './about.ts';

const MAX_GRAPHS = 8;
const MAX_FILES = 256;
/** Bytes of one file: it is read in one go, and copied into WebAssembly memory. */
export const ONNX_FILE_MAX_BYTES = 64 * 1024 * 1024;
/** Graphs are parsed at load; their weights lie in files of their own. */
export const ONNX_GRAPH_MAX_BYTES = 8 * 1024 * 1024;
const MAX_VALUES = 256;
const MAX_RANK = 8;
const MAX_LABELS = 20_000;

const count = z.number().int().nonnegative();

/** A number is exact; a name holds for all values of the graph that have it, up to `max`. */
const dim = z.union([
  count.max(2 ** 31 - 1),
  z.object({
    name: z.string().max(200),
    max: z
      .number()
      .int()
      .positive()
      .max(2 ** 31 - 1),
  }),
]);

export const ONNX_IO_DTYPES = [
  'float32',
  'float64',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'bool',
] as const;

const value = z.object({
  name: z.string().min(1).max(512),
  dtype: z.enum(ONNX_IO_DTYPES),
  shape: z.array(dim).max(MAX_RANK),
});

const graph = z.object({
  /** 'main', or the name a task gives to this part. */
  name: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
  file: fileName,
  /** Files of weights that the graph names. */
  weights: z.array(fileName).max(64),
  inputs: z.array(value).max(MAX_VALUES),
  outputs: z.array(value).min(1).max(MAX_VALUES),
  /** onnxruntime's levels; 'disabled' leaves weights in the type they are stored in. */
  optimization: z.enum(['disabled', 'basic', 'all']),
});

/** What an image must look like before it is a tensor (docs/onnx.md). */
export const IMAGE_INPUTS = ['vgg-bgr-224', 'imagenet-rgb-224'] as const;

const labels = z.array(z.string().max(200)).min(1).max(MAX_LABELS);

const voice = z.object({
  language: z.string().max(20),
  /** Samples a second. */
  sampleRate: z.number().int().min(8000).max(48_000),
  /** Samples of one latent frame. */
  hop: z.number().int().min(1).max(4096),
  /** Numbers of one latent frame. */
  channels: z.number().int().min(1).max(1024),
  noiseScale: z.number().min(0).max(10),
  lengthScale: z.number().positive().max(10),
  noiseW: z.number().min(0).max(10),
  /** The voice's ids by IPA character, and by what separates, begins and ends. */
  phonemeIds: z.record(z.string().max(8), z.number().int().min(0).max(65_535)),
});

const task = z.discriminatedUnion('name', [
  z.object({ name: z.literal('tensors') }),
  z.object({ name: z.literal('voice-activity') }),
  z.object({ name: z.literal('speech-synthesis'), voice }),
  z.object({ name: z.literal('image-moderation'), image: z.enum(IMAGE_INPUTS), labels }),
  z.object({
    name: z.literal('text-recognition'),
    characters: z.array(z.string().min(1).max(8)).min(1).max(MAX_LABELS),
  }),
  z.object({ name: z.literal('image-classification'), image: z.enum(IMAGE_INPUTS), labels }),
]);

export const onnxManifestSchema = z.object({
  kind: z.literal('onnx'),
  ...about,
  task,
  graphs: z.array(graph).min(1).max(MAX_GRAPHS),
  files: z
    .array(
      z.object({
        file: fileName,
        bytes: z.number().int().positive().max(ONNX_FILE_MAX_BYTES),
        sha256,
      }),
    )
    .min(1)
    .max(MAX_FILES),
  /**
   * Bytes of onnxruntime's WebAssembly memory, measured at import with the build that serves: after
   * loading, and after a run at the largest shapes (the task's own, where it has some).
   */
  memory: z.object({
    loadedBytes: z.number().int().positive(),
    peakBytes: z.number().int().positive(),
  }),
});

export type OnnxManifest = z.output<typeof onnxManifestSchema>;
export type OnnxGraphRow = OnnxManifest['graphs'][number];
export type OnnxValueRow = OnnxGraphRow['inputs'][number];
export type OnnxTask = OnnxManifest['task'];
export type Voice = z.output<typeof voice>;
export type ImageInput = (typeof IMAGE_INPUTS)[number];

/** What is wrong, or null: every file that graphs name must be listed once. */
export function onnxContradiction({ graphs, files }: OnnxManifest): string | null {
  const listed = new Map(files.map((row) => [row.file, row.bytes]));
  if (listed.size !== files.length) return 'a file is listed twice';
  if (new Set(graphs.map(({ name }) => name)).size !== graphs.length)
    return 'two graphs have the same name';
  for (const { name, file, weights } of graphs) {
    const missing = [file, ...weights].find((wanted) => !listed.has(wanted));
    if (missing !== undefined)
      return `graph ${name} names ${missing}, which is not among the files`;
    const bytes = listed.get(file) ?? 0;
    if (bytes > ONNX_GRAPH_MAX_BYTES)
      return `graph ${name} has ${bytes} bytes; expected at most ${ONNX_GRAPH_MAX_BYTES}`;
  }
  return null;
}
