/**
 * The steps before serving, each skipped when it is done: build, pull, import, push. Shared by
 * `npm start`, `thimble dev` and `npm test`.
 */
import { isDeepStrictEqual } from 'node:util';
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import { modelFiles, requireKind } from '../../engine/manifest/manifest.ts';
import type { DecoderManifest, Manifest, ModelKind } from '../../engine/manifest/manifest.ts';
import { build } from '../build/build.ts';
import { loadWorkerConfigs } from '../build/workers.ts';
import { catalogueRequest, importInput } from '../import/importers.ts';
import type { Imported, ImportRequest } from '../import/importers.ts';
import { hashOfHashes } from '../lib/hash-file.ts';
import { interruptSignal } from '../lib/interrupt.ts';
import { modelsDir } from '../lib/paths.ts';
import { formatBytes, formatSeconds } from '../lib/progress.ts';
import { runStep } from '../lib/step.ts';
import { findCatalogueEntry } from '../pull/catalogue.ts';
import type { CatalogueEntry } from '../pull/catalogue.ts';
import { printTerms } from '../pull/print-terms.ts';
import { pullModel } from '../pull/pull.ts';
import type { Bucket } from '../push/bucket.ts';
import { describePlaced } from '../push/describe-placement.ts';
import { incompleteModels } from '../push/incomplete-models.ts';
import { openLocalBucket } from '../push/local-bucket.ts';
import { placeModel, versionOf } from '../push/place.ts';
import { companionsOf, pushModel, readImported } from '../push/push.ts';
import { importEmbedded, isEmbedded } from './embedded.ts';

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
  const entry = isEmbedded(id) ? null : findCatalogueEntryOrNull(id);
  if (imported !== null && (entry === null || isCurrent(imported, entry))) {
    await runStep('model', () => {
      const bytes = modelFiles(imported).reduce((sum, file) => sum + file.bytes, 0);
      const text = `${id}: imported before (${formatBytes(bytes)})`;
      return Promise.resolve({ text, value: null });
    });
    return imported;
  }
  if (isEmbedded(id)) return await embeddedStep(id);
  // An unknown id fails here, with the list of ids.
  const found = entry ?? findCatalogueEntry(id);
  const request = catalogueRequest(found);
  printTerms(found);
  const input = await pullStep(found);
  return await importStep({ ...request, input, id });
}

/** The same for commands whose output is the answer: nothing is said of a model that is here, or known to nobody. */
export async function ensureModel(id: string): Promise<void> {
  const isKnown = isEmbedded(id) || findCatalogueEntryOrNull(id) !== null;
  if (isKnown && (await findImported(id)) === null) await obtainModel(id);
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

/** Imports a model, in the place of one of the same id. */
export async function importStep(request: Omit<ImportRequest, 'outRoot'>): Promise<Manifest> {
  return await runStep('import', async ({ onProgress }) => {
    const startMs = performance.now();
    const imported = await importInput({
      ...request,
      outRoot: modelsDir(),
      force: true,
      onProgress,
      signal: interruptSignal,
    });
    const seconds = (performance.now() - startMs) / 1000;
    const text = `${request.id}: ${describeImported(imported, seconds)}`;
    return { text, value: imported.manifest };
  });
}

function describeImported(imported: Imported, seconds: number): string {
  const size = formatBytes(
    modelFiles(imported.manifest).reduce((sum, { bytes }) => sum + bytes, 0),
  );
  switch (imported.importer) {
    case 'voice':
      return `a voice, ${size}`;
    case 'onnx': {
      const { graphs, task } = imported.manifest;
      const what = graphs.length === 1 ? 'graph' : 'graphs';
      return `${size} in ${graphs.length} ${what} for ${task.name}`;
    }
    case 'weights': {
      const { shards, preset } = imported.manifest;
      const bytes = formatBytes(shards.reduce((sum, shard) => sum + shard.bytes, 0));
      return `${bytes} in ${shards.length} shards, preset ${preset}, ${formatSeconds(seconds)}`;
    }
  }
}

/** A model that is part of the project, in the user's models folder. */
async function embeddedStep(id: string): Promise<Manifest> {
  return await runStep('import', async () => {
    const manifest = await importEmbedded(id, modelsDir());
    const bytes = modelFiles(manifest).reduce((sum, file) => sum + file.bytes, 0);
    return { text: `${id}: ${formatBytes(bytes)}, part of the project`, value: manifest };
  });
}

/** The imported model as shards in local R2, placed in the pool. */
export async function pushStep(id: string, persist?: string): Promise<void> {
  const imported = await findImported(id);
  const companions = imported === null ? [] : companionsOf(imported);
  for (const companion of companions) await pushStep(companion, persist);
  await withLocalBucket(async (bucket) => {
    const { manifest, version } = await pushFiles(bucket, id);
    await runStep('place', async () => {
      const placement = await placeModel(bucket, manifest, version);
      return { text: describePlaced(placement, manifest, version), value: null };
    });
  }, persist);
}

export async function withLocalBucket<T>(
  work: (bucket: Bucket) => Promise<T>,
  persist?: string,
): Promise<T> {
  const bucket = await openLocalBucket(modelsBucketName(), persist);
  try {
    return await work(bucket);
  } finally {
    await bucket.close();
  }
}

/** A model that is in the bucket. */
export interface PushedModel {
  readonly manifest: Manifest;
  readonly version: string;
}

/** The files of an imported model into a bucket, without a place for it. */
export async function pushFiles(bucket: Bucket, id: string): Promise<PushedModel> {
  const { manifest, text } = await readImported(join(modelsDir(), id), id);
  await runStep('push', async ({ onProgress }) => {
    const { pushedBytes, totalBytes } = await pushModel(id, { bucket, onProgress });
    const what = pushedBytes === 0 ? 'is there already' : `${formatBytes(pushedBytes)} written`;
    const line = `${id}: ${formatBytes(totalBytes)} in ${bucket.label}, ${what}`;
    return { text: line, value: null };
  });
  return { manifest, version: versionOf(text) };
}

/** Pushes again what the bucket lists without its files: a request that needs such a model would fail. */
export async function mendBucket(bucket: Bucket): Promise<void> {
  for (const id of await incompleteModels(bucket)) {
    if ((await findImported(id)) !== null) await pushFiles(bucket, id);
    else
      await runStep('push', () =>
        Promise.resolve({
          text: `${id}: files are missing in ${bucket.label}, and it is not imported here. To forget it, run: \`thimble rm ${id}\``,
          value: null,
        }),
      );
  }
}

/** The one bucket that the wrangler.toml files name. */
export function modelsBucketName(): string {
  const name = loadWorkerConfigs().flatMap(({ bucketNames }) => bucketNames)[0];
  if (name === undefined) {
    throw new EngineError('E_INTERNAL', 'build: no wrangler.toml names an R2 bucket.');
  }
  return name;
}

/** The manifest of an imported model, or null when it is missing or can no longer be read. */
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
  if (manifest.sourceSha256 !== hashOfHashes(hashes)) return false;
  return manifest.kind !== 'decoder' || isDeepStrictEqual(manifest.sampling, entry.sampling);
}
