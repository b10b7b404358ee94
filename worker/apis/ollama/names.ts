/** Models' names in Ollama's API: ids with a tag. */
import { ADAPTER_SEPARATOR } from '../../../engine/manifest/adapters.ts';
import { invalidField } from '../../platform/invalid-field.ts';

const TAG = ':latest';

export function idOf(name: string): string {
  return name.endsWith(TAG) ? name.slice(0, -TAG.length) : name;
}

/** An adapter's name stands where Ollama has the tag. */
export function nameOf(id: string): string {
  if (id.includes(ADAPTER_SEPARATOR)) return id;
  return `${id}${TAG}`;
}

/** @throws {EngineError} E_REQUEST_INVALID */
export function requiredId(body: {
  readonly model?: string | undefined;
  readonly name?: string | undefined;
}): string {
  const name = body.model ?? body.name;
  if (name === undefined) throw invalidField('model', 'expected the name of a model, got none');
  return idOf(name);
}
