/** A text model from a file, a folder or a source (`hf:org/repo/file`), imported under a name of its own when it is new. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import { suggestId } from '../import/suggest-id.ts';
import { runStep } from '../lib/step.ts';
import { pullSource } from '../pull/pull.ts';
import { isSourceSpec } from '../pull/source-spec.ts';
import { findImported, importStep } from './prepare.ts';

/** Whether a word names a file, a folder or a source, and is no sentence. */
export function namesSource(word: string): boolean {
  if (/\s/.test(word)) return false;
  return isSourceSpec(word) || (/[/\\]|\.(gguf|bin|zip|onnx)$/i.test(word) && existsSync(word));
}

/**
 * The id of the model; it is fetched and imported unless it was before.
 * @throws {EngineError} E_USAGE when another model has that name; E_SOURCE_UNAVAILABLE, E_FORMAT_INVALID, ...
 */
export async function obtainSource(word: string): Promise<string> {
  const source = isSourceSpec(word) ? word : `file:${resolve(word)}`;
  const id = suggestId(word);
  const there = await findImported(id);
  if (there !== null && there.source === source) return id;
  if (there !== null)
    throw new EngineError(
      'E_USAGE',
      `run: a model ${id} is here already, from ${there.source}. Run it by its name, or give this one another: \`thimble import ${word} --id NAME\``,
      { details: { id, source: there.source } },
    );
  const input = isSourceSpec(word) ? await pulled(word) : resolve(word);
  await importStep({ input, id, about: { source } });
  return id;
}

async function pulled(source: string): Promise<string> {
  return await runStep('pull', async ({ onProgress, note }) => {
    const onSource = (from: string, failure: string | null) =>
      note(failure === null ? `trying ${from}` : `  failed: ${failure}`);
    const { path } = await pullSource(source, { onProgress, onSource });
    return { text: source, value: path };
  });
}
