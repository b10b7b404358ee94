/** What a fine-tuning begins with: its base, its data with what a teacher says of it, its program in memory. */
import { join } from 'node:path';
import { EngineError, throwIfAborted } from '../../engine/base/errors.ts';
import { type DecoderManifest, requireKind } from '../../engine/manifest/manifest.ts';
import type { ModelSource } from '../../engine/model/memory/source.ts';
import type { Tokenizer } from '../../engine/text/tokenizer.ts';
import { checkBase } from '../../engine/train/adapter/base.ts';
import type { AdapterProgramConfig } from '../../engine/train/program.ts';
import { FileModelSource, readTokenizer } from '../node-host/model-files.ts';
import { readImported } from '../push/push.ts';
import { type EyesShape, N_CONSTANT } from '../../engine/train/eyes.ts';
import { loadLocalImageEncoder } from '../node-host/image-encoder.ts';
import { makeFolder } from '../train/checkpoint.ts';
import { AdapterTraining } from './adapter-training.ts';
import type { FinetuneConfig, PicturesConfig } from './config.ts';
import { type Dataset, readDataset } from './dataset.ts';
import type { Example } from './encode.ts';
import { rowsOf } from './pack.ts';
import { type PictureSet, readPictureDataset } from './pictures/dataset.ts';
import { frequentWords } from './pictures/words.ts';
import { readStudyDataset, type StudyDatasetOptions } from './study-dataset.ts';
import { N_SHARE, Teacher } from './teacher.ts';

const OPTIMIZER = { beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0 };
/** Of pictures, which are learned from in hundreds of updates: the first slopes, of eyes that see nothing yet, soon count no more. */
const PICTURES_BETA2 = 0.98;
/** Rows in memory at a time, where no example is longer: about a megabyte each of a model of 135 million weights. */
const PASS_ROWS = 512;

/** Tokens at the beginning of a vocabulary that are compared though no picture's text has them. */
const N_FREQUENT_TOKEN = 8192;

export interface OpenBase {
  readonly source: ModelSource<DecoderManifest>;
  readonly tokenizer: Tokenizer;
}

/** @throws {EngineError} E_MODEL_NOT_FOUND, E_MODEL_KIND; E_USAGE for a prefix that leaves no context */
export async function openBase(
  { model, prefix }: Pick<FinetuneConfig, 'model' | 'prefix'>,
  modelsRoot: string,
): Promise<OpenBase> {
  const dir = join(modelsRoot, model);
  const manifest = requireKind((await readImported(dir, model)).manifest, 'decoder');
  checkBase(manifest);
  const { nCtx } = manifest.config;
  if (prefix > nCtx / 2)
    throw new EngineError(
      'E_USAGE',
      `prefix: ${prefix} positions; expected at most half of the context of ${model}, ${nCtx} tokens. Take fewer.`,
      { param: 'prefix', details: { prefix, nCtx } },
    );
  const tokenizer = await readTokenizer(dir, manifest);
  return { source: new FileModelSource(dir, manifest), tokenizer };
}

/** A data set, with the tokens that a prefix begins with. */
export interface PreparedData extends Dataset {
  readonly opening: readonly number[];
  /** What eyes are learned from; null for texts alone. */
  readonly set: PictureSet | null;
}

export interface PrepareOptions extends StudyDatasetOptions {
  /** Told after each picture whose vectors were made. */
  readonly onPicture: (nDone: number, nPicture: number) => void;
}

/** @throws {EngineError} E_USAGE for data or a teacher that do not fit, E_ABORTED, E_DISK */
export async function prepareData(
  config: FinetuneConfig,
  { source: { manifest }, tokenizer }: OpenBase,
  options: PrepareOptions,
): Promise<PreparedData> {
  if (config.pictures !== null)
    return await preparePictures(config, config.pictures, manifest, tokenizer, options);
  if (config.document !== null) {
    const study = await readStudyDataset(config, config.document, manifest, tokenizer, options);
    return { ...study, set: null };
  }
  const data = await readDataset(config, manifest, tokenizer);
  const opening = data.train.flatMap(({ texts }) => [...texts[0]!.tokens]);
  if (config.teacher === null) return { ...data, opening, set: null };
  if (data.form === 'preference')
    throw new EngineError(
      'E_USAGE',
      'teacher: rows of preferences are learned without one. Leave it out, or give other rows.',
      { param: 'teacher' },
    );
  const { signal, modelsRoot } = options;
  const teacher = await Teacher.load(config.teacher, manifest, data.maxTokens, modelsRoot);
  const taught = async (examples: readonly Example[]): Promise<Example[]> => {
    const found: Example[] = [];
    for (const example of examples) found.push(await withShares(example, teacher, signal));
    return found;
  };
  const [train, heldOut] = [await taught(data.train), await taught(data.heldOut)];
  return { ...data, opening, set: null, train, heldOut };
}

async function preparePictures(
  config: FinetuneConfig,
  pictures: PicturesConfig,
  manifest: DecoderManifest,
  tokenizer: Tokenizer,
  { folder, signal, modelsRoot, onPicture }: PrepareOptions,
): Promise<PreparedData> {
  await makeFolder(folder);
  const encoder = await loadLocalImageEncoder(pictures.encoder, modelsRoot);
  const options = { file: join(folder, 'features.bin'), signal, onPicture };
  const data = await readPictureDataset(config, pictures, manifest, tokenizer, encoder, options);
  return { ...data, opening: data.set.opening };
}

/** An example with what the teacher says of each token that is learned. */
async function withShares(
  example: Example,
  teacher: Teacher,
  signal: AbortSignal,
): Promise<Example> {
  throwIfAborted(signal, 'finetune: cut off while the teacher read the data');
  const texts = [];
  for (const text of example.texts) {
    const first = text.learned.indexOf(1);
    const { ids, values } = await teacher.read([...text.tokens], first, signal);
    const learned = [...text.learned.keys()].filter((i) => text.learned[i] === 1);
    const of = <T>(all: { slice(from: number, to: number): Iterable<T> }): T[] =>
      learned.flatMap((i) => [...all.slice((i - first) * N_SHARE, (i - first + 1) * N_SHARE)]);
    const shares = { ids: Uint32Array.from(of(ids)), values: Float32Array.from(of(values)) };
    texts.push({ ...text, shares });
  }
  return { ...example, texts };
}

/** The training in memory, with its first weights. @throws {EngineError} E_MEMORY_BUDGET, E_WEIGHTS_HASH */
export async function startTraining(
  config: FinetuneConfig,
  { source }: OpenBase,
  data: PreparedData,
  nThread: number,
): Promise<AdapterTraining> {
  const { rank, alpha, targets, maxNorm, seed, prefix, batch } = config;
  const { id, architecture, config: shape, tensors, shards } = source.manifest;
  const isTaught = data.train.some(({ texts }) => texts[0]!.shares !== undefined);
  const { set, opening } = data;
  // What is before a picture is as the base has it: it is evaluated once.
  const nPrefix = set === null ? prefix : opening.length;
  const adapter = {
    base: { id, architecture, config: shape, tensors, shards },
    ...{ rank, alpha, targets: prefix === 0 ? targets : [], nPrefix, isPrefixFixed: set !== null },
    ...{ nShare: isTaught ? N_SHARE : 0, nRow: Math.max(nPrefix, passRows(data, batch)) },
    ...(set === null ? {} : { eyes: eyesShape(set), headIds: headIdsOf(data, shape.nVocab) }),
  };
  const program: AdapterProgramConfig = {
    ...{ adapter, nThread },
    optimizer: { ...OPTIMIZER, ...(set !== null && { beta2: PICTURES_BETA2 }), maxNorm },
  };
  const training = await AdapterTraining.start(program, source, seed);
  if (nPrefix > 0) training.beginPrefix(repeated(opening, nPrefix));
  return training;
}

function eyesShape(set: PictureSet): EyesShape {
  const nIn = set.scale.mean.length + N_CONSTANT;
  return { nIn, nHidden: frequentWords(set).length, nPosition: set.nPosition };
}

/**
 * Tokens that occur, and the first of the vocabulary: a base says those most, as they were merged first, and has to unlearn
 * what it would say in place of the data's words.
 */
function headIdsOf({ train, heldOut }: Dataset, nVocab: number): Uint32Array {
  const ids = new Set(Array.from({ length: Math.min(N_FREQUENT_TOKEN, nVocab) }, (_, id) => id));
  for (const { texts } of [...train, ...heldOut])
    for (const { tokens } of texts) for (const id of tokens) ids.add(id);
  return Uint32Array.from(ids).sort();
}

/** Rows of the longest example, or as many as are worth having in memory together. */
function passRows({ train, heldOut }: Dataset, batch: number): number {
  const lengths = [...train, ...heldOut].map(rowsOf).toSorted((a, b) => b - a);
  const atMost = lengths.slice(0, batch).reduce((sum, n) => sum + n, 0);
  return Math.max(lengths[0]!, Math.min(PASS_ROWS, atMost));
}

/** The first `n` tokens of a text, which begins again where it is shorter. */
function repeated(tokens: readonly number[], n: number): Uint32Array {
  return Uint32Array.from({ length: n }, (_, i) => tokens[i % tokens.length]!);
}
