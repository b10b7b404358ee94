/**
 * The models that have a name: the sources of each file, in the order to try, and the hash it
 * must have. A source names a package or a hub repository, never an address.
 */
import { familyOfFile } from '../../engine/archs/index.ts';
import { statefulFamilyOf } from '../../engine/archs/stateful.ts';
import { EngineError } from '../../engine/base/errors.ts';
import { EMBEDDING_MODELS } from './catalogue/embedding-models.ts';
import type { CatalogueEntry } from './catalogue/entry.ts';
import { LARGE_TEXT_MODELS } from './catalogue/large-text-models.ts';
import { OTHER_MODELS } from './catalogue/other-models.ts';
import { RECOGNITION_MODELS } from './catalogue/recognition-models.ts';
import { TEXT_MODELS } from './catalogue/text-models.ts';

export type { CatalogueEntry, CatalogueFile } from './catalogue/entry.ts';

export const DEFAULT_MODEL_ID = 'qwen2.5-coder-0.5b-instruct';
/** The smallest that chats: what is measured and compared by default, and what comes after the default model. */
export const SMALL_MODEL_ID = 'smollm2-135m-instruct';
export const DEFAULT_ENCODER_ID = 'all-minilm-l6-v2';
export const DEFAULT_IMAGE_ENCODER_ID = 'efficientnet-lite0';
/** Committed with the project: the model of most tests and of the package's templates. */
export const EMBEDDED_MODEL_ID = 'stories260k';
/** Committed, too: it reads text, pictures and sound. */
export const MINI_MODEL_ID = 'thimble-mini';
/** Served in this order when no source has the default model; the last is committed, so that a first answer always comes. */
export const FALLBACK_MODEL_IDS: readonly string[] = [SMALL_MODEL_ID, MINI_MODEL_ID];

export const CATALOGUE: readonly CatalogueEntry[] = [
  ...TEXT_MODELS,
  ...LARGE_TEXT_MODELS,
  ...RECOGNITION_MODELS,
  ...EMBEDDING_MODELS,
  ...OTHER_MODELS,
];

/**
 * @throws {EngineError} E_MODEL_NOT_FOUND with all known ids; E_ARCH_UNKNOWN for a model that is known by its
 *   name to be of a family that is not supported.
 */
export function findCatalogueEntry(id: string): CatalogueEntry {
  const entry = CATALOGUE.find((row) => row.id === id);
  if (entry !== undefined) return entry;
  const stateful = statefulFamilyOf(id);
  // Throws, with the reason.
  if (stateful !== null) familyOfFile('gguf', stateful);
  const ids = CATALOGUE.map((row) => row.id);
  throw new EngineError(
    'E_MODEL_NOT_FOUND',
    `catalogue: no model ${JSON.stringify(id)}; expected one of ${ids.join(', ')}, or a source (hf:org/repo/file, pip:name==version#path, npm:name@version#path, file:path, https://...).`,
    { details: { id, ids } },
  );
}

/** @throws {EngineError} E_ARCH_UNKNOWN for files that cannot be served yet. */
export function importPreset({
  id,
  preset,
  task,
}: CatalogueEntry): NonNullable<CatalogueEntry['preset']> {
  if (preset !== null) return preset;
  throw new EngineError(
    'E_ARCH_UNKNOWN',
    `catalogue: ${id} (${task}) can be pulled but not imported or served yet; expected a model of text or speech, such as ${DEFAULT_MODEL_ID}.`,
    { details: { id, task } },
  );
}
