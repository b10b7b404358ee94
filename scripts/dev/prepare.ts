/**
 * The steps before serving, each skipped when it is done: build, pull, import, push. Shared by
 * `npm start`, `thimble dev` and `npm test`.
 */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import { modelFiles, requireKind } from '../../engine/manifest/manifest.ts';
import type {
  DecoderManifest,
  Manifest,
  ModelKind,
  WeightedManifest,
} from '../../engine/manifest/manifest.ts';
import { build } from '../build/build.ts';
import { loadWorkerConfigs } from '../build/workers.ts';
import { importModel } from '../import/import-model.ts';
import { importVoice, isVoiceFile } from '../import/voice/import-voice.ts';
import type { VoiceImportOptions } from '../import/voice/import-voice.ts';
import type { OnnxImportOptions } from '../import/onnx/import-onnx.ts';
import { hashOfHashes } from '../lib/hash-file.ts';
import { interruptSignal } from '../lib/interrupt.ts';
import { modelsDir, repoRoot } from '../lib/paths.ts';
import { formatBytes, formatSeconds } from '../lib/progress.ts';
import { runStep } from '../lib/step.ts';
import type { StepTools } from '../lib/step.ts';
import { EMBEDDED_MODEL_ID, findCatalogueEntry, importPreset } from '../pull/catalogue.ts';
import type { CatalogueEntry } from '../pull/catalogue.ts';
import { pullModel } from '../pull/pull.ts';
import { openLocalBucket } from '../push/local-bucket.ts';
import { pushModel, readImported } from '../push/push.ts';

const EMBEDDED_DIR = join(repoRoot, 'assets', 'stories260k');

/** Kernels, bundles and bindings; nothing when they are up to date. */
export async function buildStep(): Promise<void> {
  await runStep('build', async ({ note }) => {
    const { built } = await build({ onStep: note });
    return { text: built.length === 0 ? 'up to date' : `built ${built.join(', ')}`, value: null };
  });
}

/**
 * The model as shards in the user's models folder.
 * @throws {EngineError} E_SOURCE_UNAVAILABLE when no source has it, E_DISK, import's errors.
 */
export async function obtainModel(id: string): Promise<Manifest> {
  const imported = await findImported(id);
  const entry = id === EMBEDDED_MODEL_ID ? null : findCatalogueEntryOrNull(id);
  if (imported !== null && (entry === null || isCurrent(imported, entry))) {
    await runStep('model', () => {
      const bytes = modelFiles(imported).reduce((sum, file) => sum + file.bytes, 0);
      const text = `${id}: imported before (${formatBytes(bytes)})`;
      return Promise.resolve({ text, value: null });
    });
    return imported;
  }
  if (id === EMBEDDED_MODEL_ID) return await importEmbedded();
  // An unknown id fails here, with the list of ids.
  const found = entry ?? findCatalogueEntry(id);
  if (found.onnxTask === undefined && !isVoiceFile(found.files[0].name)) importPreset(found);
  const path = await pullStep(found);
  return await importStep(found, path);
}

/** The same, for commands that work with text models only. @throws {EngineError} E_MODEL_KIND */
export async function obtainTextModel(id: string): Promise<DecoderManifest> {
  return requireKind(await obtainModel(id), 'decoder');
}

async function pullStep(entry: CatalogueEntry): Promise<string> {
  return await runStep('pull', async ({ onProgress, note }) => {
    const onSource = (source: string, failure: string | null) =>
      note(failure === null ? `trying ${source}` : `  failed: ${failure}`);
    const { path, bytes, source } = await pullModel(entry.id, { onProgress, onSource });
    const from = source === null ? 'in the cache' : `from ${source}`;
    return { text: `${entry.id}: ${formatBytes(bytes)} ${from}, SHA-256 as pinned`, value: path };
  });
}

async function importStep(entry: CatalogueEntry, input: string): Promise<Manifest> {
  const { id, licence, card, title } = entry;
  const about = { licence, card, name: title, source: `catalogue:${id}` };
  const { onnxTask: task } = entry;
  if (task !== undefined) return await onnxImportStep({ input, id, about, task });
  if (isVoiceFile(input)) return await voiceImportStep({ input, id, about });
  const preset = importPreset(entry);
  return await runStep('import', (tools) => timedImport(tools, { input, id, preset, about }));
}

async function onnxImportStep(
  wish: Pick<OnnxImportOptions, 'input' | 'id' | 'about' | 'task'>,
): Promise<Manifest> {
  const { importOnnx } = await import('../import/onnx/import-onnx.ts');
  return await runStep('import', async () => {
    const { manifest } = await importOnnx({ ...wish, outRoot: modelsDir(), force: true });
    const bytes = modelFiles(manifest).reduce((sum, file) => sum + file.bytes, 0);
    const { length } = manifest.graphs;
    const text = `${wish.id}: ${formatBytes(bytes)} in ${length} ${length === 1 ? 'graph' : 'graphs'} for ${manifest.task.name}`;
    return { text, value: manifest };
  });
}

async function voiceImportStep(
  wish: Pick<VoiceImportOptions, 'input' | 'id' | 'about'>,
): Promise<Manifest> {
  return await runStep('import', async () => {
    const { manifest } = await importVoice({ ...wish, outRoot: modelsDir(), force: true });
    const bytes = modelFiles(manifest).reduce((sum, file) => sum + file.bytes, 0);
    return { text: `${wish.id}: a voice, ${formatBytes(bytes)}`, value: manifest };
  });
}

async function importEmbedded(): Promise<Manifest> {
  const about = {
    licence: 'MIT',
    name: 'stories260K',
    source: 'file:assets/stories260k/stories260K.bin',
    card: "Andrej Karpathy's 260 thousand weights, trained on TinyStories: it goes on telling a children's story, and can do nothing else.",
  };
  return await runStep('import', (tools) =>
    timedImport(tools, {
      input: join(EMBEDDED_DIR, 'stories260K.bin'),
      tokenizer: join(EMBEDDED_DIR, 'tok512.bin'),
      id: EMBEDDED_MODEL_ID,
      preset: 'lossless',
      about,
    }),
  );
}

type ImportWish = Pick<
  Parameters<typeof importModel>[0],
  'input' | 'id' | 'preset' | 'about' | 'tokenizer'
>;

async function timedImport(
  { onProgress }: StepTools,
  wish: ImportWish,
): Promise<{ text: string; value: WeightedManifest }> {
  const startMs = performance.now();
  const { manifest } = await importModel({
    ...wish,
    outRoot: modelsDir(),
    force: true,
    onProgress,
    signal: interruptSignal,
  });
  const bytes = manifest.shards.reduce((sum, shard) => sum + shard.bytes, 0);
  const seconds = formatSeconds((performance.now() - startMs) / 1000);
  const text = `${wish.id}: ${formatBytes(bytes)} in ${manifest.shards.length} shards, preset ${manifest.preset}, ${seconds}`;
  return { text, value: manifest };
}

/** The imported model as shards in local R2. */
export async function pushStep(id: string, persist?: string): Promise<void> {
  await runStep('push', async ({ onProgress }) => {
    const bucket = await openLocalBucket(modelsBucketName(), persist);
    try {
      const { pushedBytes, totalBytes } = await pushModel(id, { bucket, onProgress });
      const what = pushedBytes === 0 ? 'is there already' : `${formatBytes(pushedBytes)} written`;
      const text = `${id}: ${formatBytes(totalBytes)} in local R2, ${what}`;
      return { text, value: null };
    } finally {
      await bucket.close();
    }
  });
}

/** The one bucket that the wrangler.toml files name. */
export function modelsBucketName(): string {
  const name = loadWorkerConfigs().flatMap(({ bucketNames }) => bucketNames)[0];
  if (name === undefined) {
    throw new EngineError('E_INTERNAL', 'build: no wrangler.toml names an R2 bucket.');
  }
  return name;
}

/** The manifest of an imported model, or null when it is not there or cannot be read any more. */
export async function findImported(id: string): Promise<Manifest | null> {
  const dir = join(modelsDir(), id);
  if (!existsSync(join(dir, 'manifest.json'))) return null;
  return await readImported(dir, id).then(
    ({ manifest }) => manifest,
    () => null,
  );
}

/** Ids of the imported models of one kind. */
export async function listImported(kind: ModelKind): Promise<string[]> {
  const names = await readdir(modelsDir()).catch(() => []);
  const found = await Promise.all(names.map((name) => findImported(name)));
  return names.filter((_, i) => found[i]?.kind === kind).sort();
}

function findCatalogueEntryOrNull(id: string): CatalogueEntry | null {
  try {
    return findCatalogueEntry(id);
  } catch {
    return null;
  }
}

/** A model that was imported by hand (another file, another preset) stays as its owner made it. */
function isCurrent(manifest: Manifest, entry: CatalogueEntry): boolean {
  if (manifest.source !== `catalogue:${entry.id}`) return true;
  const parts = entry.files.filter(({ name }) => /\.part\d+$/.test(name));
  const hashes = (parts.length > 0 ? parts : [entry.files[0]]).map(({ sha256 }) => sha256);
  return manifest.sourceSha256 === hashOfHashes(hashes);
}
