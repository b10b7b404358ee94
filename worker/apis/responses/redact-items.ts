/** Texts of a response and of its input, redacted before they are stored. */
import { mapStrings } from '../../serving/redaction/redact-request.ts';
import type { Redactor } from '../../serving/redaction/redactor.ts';
import type { InputItemJson } from './item-schema.ts';
import type { ResponseJson } from './schema.ts';

/** Fields of items that hold texts; the others are ids, names and roles. */
const TEXT_FIELDS: ReadonlySet<string> = new Set([
  ...['text', 'output', 'arguments', 'input'],
  // Of calls of MCP servers that failed or were refused.
  ...['message', 'reason'],
]);
const isText = (path: readonly string[]): boolean => TEXT_FIELDS.has(path.at(-1) ?? '');

export async function redactItems(
  redactor: Redactor | null,
  items: readonly InputItemJson[],
): Promise<readonly InputItemJson[]> {
  if (redactor === null) return items;
  const redact = (text: string): Promise<string> => redactor.redact(text);
  return (await mapStrings(items, redact, isText)) as InputItemJson[];
}

/** The response as it is stored: with placeholders again. */
export async function hideResponse(
  redactor: Redactor | null,
  response: ResponseJson,
): Promise<ResponseJson> {
  if (redactor === null) return response;
  const hide = (text: string): Promise<string> => redactor.hide(text);
  return {
    ...response,
    output: (await mapStrings(response.output, hide, isText)) as ResponseJson['output'],
  };
}
