/** Models that are part of the project: each a row, by its id. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import { modelFiles } from '../../engine/manifest/manifest.ts';
import type { Manifest } from '../../engine/manifest/manifest.ts';
import { importInput } from '../import/importers.ts';
import { importInto, PartialFolder } from '../import/write/model-folder.ts';
import { hashBytes } from '../lib/hash-file.ts';
import { repoRoot } from '../lib/paths.ts';
import { EMBEDDED_MODEL_ID, MINI_MODEL_ID } from '../pull/catalogue.ts';
import { readImported } from '../push/push.ts';

const asset = (...names: readonly string[]): string => join(repoRoot, 'assets', ...names);

interface EmbeddedModel {
  readonly load: (outRoot: string) => Promise<Manifest>;
  /** What a person who did not ask for it should expect: one sentence. */
  readonly note: string;
}

const EMBEDDED: ReadonlyMap<string, EmbeddedModel> = new Map([
  [
    EMBEDDED_MODEL_ID,
    {
      load: importStories,
      note: "a toy that goes on telling a children's story, and can do nothing else.",
    },
  ],
  [
    MINI_MODEL_ID,
    {
      // Committed as it is imported: nothing has to be encoded again.
      load: (outRoot) => copyImported(MINI_MODEL_ID, asset('mini', 'model'), outRoot),
      note: 'a toy of 1.5 million weights (small talk, coloured shapes, spoken digits); it knows no facts, and its answers are those of a toy.',
    },
  ],
]);

export const isEmbedded = (id: string): boolean => EMBEDDED.has(id);

/** What to expect of a model that is part of the project; null for any other. */
export const embeddedNote = (id: string): string | null => EMBEDDED.get(id)?.note ?? null;

/**
 * Such a model in a folder of models, in the place of one of the same id.
 * @throws {EngineError} E_DISK; E_WEIGHTS_HASH for files that were changed
 */
export async function importEmbedded(id: string, outRoot: string): Promise<Manifest> {
  const model = EMBEDDED.get(id);
  if (model === undefined)
    throw new EngineError('E_MODEL_NOT_FOUND', `${id}: is not part of the project.`);
  return await model.load(outRoot);
}

async function importStories(outRoot: string): Promise<Manifest> {
  const about = {
    licence: 'MIT',
    name: 'stories260K',
    source: 'file:assets/stories260k/stories260K.bin',
    card: "Andrej Karpathy's 260 thousand weights, trained on TinyStories: it goes on telling a children's story, and can do nothing else.",
  };
  const request = {
    input: asset('stories260k', 'stories260K.bin'),
    tokenizer: asset('stories260k', 'tok512.bin'),
    ...{ id: EMBEDDED_MODEL_ID, preset: 'lossless', about, force: true },
  };
  return (await importInput({ ...request, outRoot })).manifest;
}

/** @param folder of an imported model */
async function copyImported(id: string, folder: string, outRoot: string): Promise<Manifest> {
  const { manifest } = await readImported(folder, id);
  return await importInto({ id, outRoot, force: true }, async (to) => {
    const partial = await PartialFolder.open(to);
    for (const { file, sha256 } of modelFiles(manifest)) {
      const bytes = await readFile(join(folder, file));
      const got = hashBytes(bytes);
      if (got !== sha256)
        throw new EngineError(
          'E_WEIGHTS_HASH',
          `${join(folder, file)}: SHA-256 expected ${sha256}, got ${got}. Get this file of the project again.`,
          { details: { file, expected: sha256, got } },
        );
      await partial.put(file, bytes);
    }
    await partial.finish(manifest);
    return manifest;
  });
}
