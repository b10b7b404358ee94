/**
 * A model file into `<outRoot>/<id>/`: shards in kernel layout, tokenizer.json, manifest.json.
 * Everything is written to `<id>.partial/` and renamed at the end: a folder named by an id is whole.
 */
import { createHash } from 'node:crypto';
import { mkdir, open as openFile, readdir, readFile, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { EngineError, throwIfAborted } from '../../engine/base/errors.ts';
import { parseManifest } from '../../engine/manifest/manifest.ts';
import type { WeightedManifest } from '../../engine/manifest/manifest.ts';
import { Tokenizer } from '../../engine/text/tokenizer.ts';
import { requireFreeBytes } from '../lib/disk.ts';
import type { OnProgress } from '../lib/progress.ts';
import { describeModel } from './write/describe-model.ts';
import type { ModelAbout, WrittenFile } from './write/describe-model.ts';
import type { TensorReport } from './write/encode-tensor.ts';
import {
  hasJournal,
  isShardIntact,
  JOURNAL_NAME,
  JournalWriter,
  readJournal,
} from './write/journal.ts';
import { hashBytes, hashFile, hashOfHashes } from '../lib/hash-file.ts';
import type { ShardEntry } from './write/journal.ts';
import { matchTensors } from './open/opened-model.ts';
import type { MatchedTensor, OpenedModel, SeenModel } from './open/opened-model.ts';
import { withLateInteraction } from './open/late-interaction.ts';
import { openModel } from './open/open-model.ts';
import { choosePreset } from './precision/presets.ts';
import type { PresetName } from './precision/presets.ts';
import type { SourceDtype } from '../../engine/formats/source-dtypes.ts';
import { compareTables, holdOnce } from './precision/tied-head.ts';
import type { TableFinding } from './precision/tied-head.ts';
import { importInto, replaceFolder } from './write/model-folder.ts';
import type { ModelPlace } from './write/model-folder.ts';
import { NO_SLICES, planShards, SLICES } from './write/shard-plan.ts';
import type { PlannedShard, PlannedTensor, SliceSizes, TensorChoices } from './write/shard-plan.ts';
import { writeInThreads } from './write/shard-threads.ts';
import { writeShard } from './write/write-shard.ts';

/** Incremented when encoders change, so that shards of an older version are not reused. */
const ENCODER_VERSION = 2;
/** Each takes about 150 MB. */
const MAX_THREADS = 4;
const THREADED_SOURCE_BYTES = 32 * 1024 * 1024;
const TOKENIZER_NAME = 'tokenizer.json';

export interface ImportOptions extends ModelPlace {
  /** A file (GGUF, safetensors, llama2.c) or a folder that holds one. */
  readonly input: string;
  readonly preset?: string;
  /** Types and weights of single tensors, chosen once the file is open. */
  readonly choose?: TensorChooser;
  /** llama2.c only: the vocabulary file. */
  readonly tokenizer?: string;
  readonly about?: ModelAbout;
  /** Folder of vectors of tokens for models that are known; the project's own if not given. */
  readonly lateFolder?: string;
  /** How large tables of the vocabulary are cut. */
  readonly slices?: SliceSizes;
  /** Threads that encode beside this one; 0 encodes here. By the model's size if not given. */
  readonly nThread?: number;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}
export interface TensorChooser {
  /** What the manifest calls the preset: the given one's name when only weights are chosen. */
  readonly label: string;
  readonly choose: (
    model: OpenedModel,
    matched: readonly MatchedTensor[],
    fileHashes: readonly string[],
  ) => Promise<TensorChoices>;
}
export interface ImportResult {
  readonly folder: string;
  readonly manifest: WeightedManifest;
  /** What each tensor lost, by its name. */
  readonly reports: ReadonlyMap<string, TensorReport>;
  /** Set when the file has a head beside its embedding, of the same shape. */
  readonly tables: HeldTables | null;
  /** Number of shards reused from an import that was cut off. */
  readonly keptShards: number;
  /** The tower of a text model that sees, which is a model of its own. */
  readonly tower?: ImportResult;
}

export interface HeldTables extends TableFinding {
  /** Whether the two are stored as one. */
  readonly isHeldOnce: boolean;
  /** Type in the file of the one that is stored; null when both are. */
  readonly held: SourceDtype | null;
}

/**
 * @throws {EngineError} E_USAGE, E_DISK (what was written is kept for the next try), E_BUSY, and
 *   every error of a damaged or unsupported file.
 */
export async function importModel(options: ImportOptions): Promise<ImportResult> {
  const preset = choosePreset(options.preset ?? 'lossless');
  return await importInto(options, async (folder) => {
    await using open = new AsyncDisposableStack();
    const opened = await openModel(options.input, open, options.tokenizer);
    const model = await withLateInteraction(opened, open, options.lateFolder);
    const prepared = await prepare(model, preset, options);
    if (model.seen === undefined) return await writeModel(prepared, preset, folder, options);
    const tower = await importTower(model.seen, preset, options);
    const sighted = { ...prepared, model: withTower(prepared.model, tower.manifest) };
    return { ...(await writeModel(sighted, preset, folder, options)), tower };
  });
}

/** What the id of a text model's tower has after that of the text model. */
const TOWER_ENDING = '-tower';

/**
 * The tower first, so that no text model names one that is not there; one that an import left behind which was cut off
 * after it is replaced. Types of single tensors are the text model's choice.
 */
async function importTower(
  { tower }: SeenModel,
  preset: PresetName,
  { choose: _, ...options }: ImportOptions,
): Promise<ImportResult> {
  const id = options.id + TOWER_ENDING;
  const force = options.force === true || (await isTower(join(options.outRoot, id)));
  const own = { ...options, id, force };
  return await importInto(own, async (folder) =>
    writeModel(await prepare(tower, preset, own), preset, folder, own),
  );
}

async function isTower(folder: string): Promise<boolean> {
  try {
    const text = await readFile(join(folder, 'manifest.json'), 'utf8');
    return parseManifest(JSON.parse(text)).kind === 'tower';
  } catch {
    return false;
  }
}

function withTower(model: OpenedModel, { id, sourceSha256 }: WeightedManifest): OpenedModel {
  const { fields, seen } = model;
  if (fields.kind !== 'decoder' || seen === undefined || sourceSha256 === null) return model;
  const sight = { ...seen.sight, tower: id, towerSha256: sourceSha256 };
  return { ...model, fields: { ...fields, sight } };
}

interface PreparedModel {
  readonly model: OpenedModel;
  readonly matched: readonly MatchedTensor[];
  readonly label: string;
  readonly tables: HeldTables | null;
}

/** Checks the model's parts, and joins a head with the embedding it is tied to. */
async function prepare(
  model: OpenedModel,
  preset: PresetName,
  { choose }: ImportOptions,
): Promise<PreparedModel> {
  checkTokenizer(model);
  const label = choose?.label ?? preset;
  const matched = matchTensors(model);
  const found = await compareTables(model, matched);
  // A lossless import keeps what the file has.
  const isHeldOnce = found !== null && found.isSame && label !== 'lossless';
  if (!isHeldOnce)
    return { model, matched, label, tables: found && { ...found, isHeldOnce, held: null } };
  const { held, ...joined } = holdOnce(model, matched, preset);
  return { ...joined, label, tables: { ...found, isHeldOnce, held } };
}

async function writeModel(
  { model, matched, label, tables }: PreparedModel,
  preset: PresetName,
  folder: string,
  options: ImportOptions,
): Promise<ImportResult> {
  const progress = startProgress(model, matched, options);
  const partial = `${folder}.partial`;
  using stop = stopAtEnd();
  const hashing = hashFiles(model, progress, stop.signal);
  // Whoever awaits the hashes is told.
  hashing.catch(() => undefined);
  const nThread = options.nThread ?? threadsFor(matched);
  // Choices and journals depend on what the file is; a new import begins while it is hashed.
  const isHashedFirst = options.choose !== undefined || nThread === 0 || hasJournal(partial);
  if (isHashedFirst) await hashing;
  const choices = (await options.choose?.choose(model, matched, await hashing)) ?? {};
  const shards = planShards(preset, matched, choices, sliceSizes(model, options));
  const fingerprint = hashing.then((hashes) =>
    fingerprintOf(hashes, [label, choices.key ?? ''], shards),
  );
  // Whoever awaits it is told.
  fingerprint.catch(() => undefined);
  const written = await writeShards(partial, fingerprint, shards, {
    progress,
    nThread,
    isNew: !isHashedFirst,
  });
  const fileHashes = await hashing;
  const tokenizer =
    model.tokenizer === null
      ? null
      : await writeText(partial, TOKENIZER_NAME, model.tokenizer.json);
  const described = parseManifest(
    describeModel(model, label, shards, written.entries, {
      ...options,
      tokenizer,
      sourceSha256: hashOfHashes(fileHashes),
    }),
  );
  // What describeModel describes has shards.
  const manifest = described as WeightedManifest;
  await writeText(partial, 'manifest.json', `${JSON.stringify(manifest)}\n`);
  await removeLeftovers(partial, manifest);
  await replaceFolder(partial, folder);
  const { entries, kept: keptShards } = written;
  return { folder, manifest, reports: reportsOf(entries), tables, keptShards };
}

/** Recognition models read their table of the vocabulary whole. */
function sliceSizes({ fields }: OpenedModel, { slices = SLICES }: ImportOptions): SliceSizes {
  return fields.kind === 'recognition' ? NO_SLICES : slices;
}

/** What each tensor lost, its slices together. */
function reportsOf(entries: readonly ShardEntry[]): Map<string, TensorReport> {
  const reports = new Map<string, TensorReport>();
  for (const [name, report] of entries.flatMap(({ tensors }) => Object.entries(tensors))) {
    const before = reports.get(name) ?? { exact: true, inexactBlocks: 0, blocks: 0 };
    reports.set(name, {
      exact: before.exact && report.exact,
      inexactBlocks: before.inexactBlocks + report.inexactBlocks,
      blocks: before.blocks + report.blocks,
    });
  }
  return reports;
}

/** Threads for a model of this size: small ones are encoded before a thread has begun. */
function threadsFor(matched: readonly MatchedTensor[]): number {
  const sourceBytes = matched.reduce((sum, { tensor }) => sum + tensor.bytes, 0);
  const nThread = Math.min(availableParallelism(), MAX_THREADS);
  return sourceBytes < THREADED_SOURCE_BYTES || nThread < 2 ? 0 : nThread;
}

/** In order, while shards are written. */
async function hashFiles(
  { files }: OpenedModel,
  progress: ProgressCounter,
  stop: AbortSignal,
): Promise<string[]> {
  const hashes: string[] = [];
  const onBytes = (bytes: number): void => {
    throwIfAborted(stop, 'import: stopped.');
    progress.add(bytes);
  };
  for (const { path } of files) hashes.push(await hashFile(path, onBytes));
  return hashes;
}

/** A signal that is aborted where its variable ends: an import that failed must not go on reading. */
function stopAtEnd(): Disposable & { readonly signal: AbortSignal } {
  const controller = new AbortController();
  return { signal: controller.signal, [Symbol.dispose]: () => controller.abort() };
}

/**
 * A tokenizer that cannot be used, or whose ids the embedding lacks, is found now and not by the
 * first request.
 */
function checkTokenizer({ tokenizer, nVocab: nRow, name }: OpenedModel): void {
  if (tokenizer === null) return;
  const { json, addBos, bosId, eosIds } = tokenizer;
  const { nVocab } = Tokenizer.parse(json, { addBos, bosId, eosIds: [...eosIds] });
  const largest = Math.max(nVocab - 1, bosId ?? 0, ...eosIds);
  if (largest < nRow) return;
  throw new EngineError(
    'E_TOKENIZER_INVALID',
    `${name}: tokenizer has ids up to ${largest}; expected ids below ${nRow}, the rows of ` +
      'the embedding. Give the tokenizer of this model.',
    { details: { largest, nVocab: nRow } },
  );
}

interface ProgressCounter {
  /** Counts bytes of the source; throws when the import was aborted. */
  readonly add: (bytes: number) => void;
}

/** Every byte of the source is read twice: once to be hashed, once to be encoded. */
function startProgress(
  model: OpenedModel,
  matched: readonly MatchedTensor[],
  { onProgress, signal, id }: ImportOptions,
): ProgressCounter {
  const hashed = model.files.reduce((sum, { bytes }) => sum + bytes, 0);
  const encoded = matched.reduce((sum, { tensor }) => sum + tensor.bytes, 0);
  let done = 0;
  return {
    add(bytes) {
      if (signal?.aborted)
        throw new EngineError(
          'E_ABORTED',
          `import of ${id}: stopped. Run it again to continue from here.`,
        );
      done += bytes;
      onProgress?.({ done, total: hashed + encoded, unit: 'bytes' });
    },
  };
}

function shardSourceBytes(shard: PlannedShard): number {
  const bytes = ({ tensor, instance, slice }: PlannedTensor) =>
    slice === null ? tensor.bytes : (tensor.bytes / instance.shape[0]) * slice.nRow;
  return shard.tensors.reduce((sum, planned) => sum + bytes(planned), 0);
}

interface WritingOptions {
  readonly progress: ProgressCounter;
  readonly nThread: number;
  /** Nothing was written before. */
  readonly isNew: boolean;
}

async function writeShards(
  partial: string,
  fingerprint: Promise<string>,
  shards: readonly PlannedShard[],
  { progress, nThread, isNew }: WritingOptions,
): Promise<{ entries: readonly ShardEntry[]; kept: number }> {
  const kept = isNew ? [] : await keptShards(partial, await fingerprint, shards);
  const keptFiles = new Set(kept.map(({ file }) => file));
  for (const shard of shards) if (keptFiles.has(shard.file)) progress.add(shardSourceBytes(shard));
  const todo = shards.filter(({ file }) => !keptFiles.has(file));
  const todoBytes = todo.reduce((sum, { bytes }) => sum + bytes, 0);
  requireFreeBytes(partial, todoBytes, 'import');
  await mkdir(partial, { recursive: true });
  const journal = new JournalWriter(partial, fingerprint, kept);
  try {
    if (nThread === 0) {
      for (const shard of todo) {
        journal.add(await writeShard(partial, shard, progress.add));
        await journal.settled();
      }
    } else {
      await writeInThreads({
        ...{ folder: partial, shards: todo, nThread: Math.min(nThread, todo.length) },
        onSourceBytes: progress.add,
        onEntry: (entry) => journal.add(entry),
      });
    }
  } finally {
    await journal.settled();
  }
  return { entries: journal.entries, kept: kept.length };
}

/** Shards of an import that was cut off, if it was of the same file and plan. */
async function keptShards(
  partial: string,
  fingerprint: string,
  shards: readonly PlannedShard[],
): Promise<ShardEntry[]> {
  const old = await readJournal(partial, fingerprint);
  const kept: ShardEntry[] = [];
  for (const shard of shards) {
    const entry = old.shards.find(({ file }) => file === shard.file);
    if (entry !== undefined && (await isShardIntact(partial, entry))) kept.push(entry);
  }
  return kept;
}

function fingerprintOf(
  fileHashes: readonly string[],
  choice: readonly string[],
  shards: readonly PlannedShard[],
): string {
  const plan = shards.map(({ file, bytes, tensors }) => [
    [file, bytes],
    tensors.map(({ instance, tensor, dtype, slice, offset }) => [
      ...[instance.name, tensor.name, dtype, slice, offset],
    ]),
  ]);
  const facts = JSON.stringify([ENCODER_VERSION, fileHashes, choice, plan]);
  return createHash('sha256').update(facts).digest('hex');
}

async function writeText(folder: string, file: string, text: string): Promise<WrittenFile> {
  const data = new TextEncoder().encode(text);
  await using handle = await openFile(join(folder, file), 'w');
  await handle.writeFile(data);
  await handle.sync();
  return { file, bytes: data.byteLength, sha256: hashBytes(data) };
}

/** The journal, and shards of another preset or file that was imported here before. */
async function removeLeftovers(partial: string, manifest: WeightedManifest): Promise<void> {
  const keep = new Set([
    'manifest.json',
    TOKENIZER_NAME,
    ...manifest.shards.map(({ file }) => file),
  ]);
  await rm(join(partial, JOURNAL_NAME), { force: true });
  for (const name of await readdir(partial)) {
    if (!keep.has(name)) await rm(join(partial, name), { recursive: true, force: true });
  }
}
