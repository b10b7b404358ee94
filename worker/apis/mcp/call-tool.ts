/** A call of a tool: its arguments as a request to the endpoint behind it, and the answer as a result. */
import { fromBase64, toBase64 } from '../../../engine/base/base64.ts';
import { joinBytes } from '../../../engine/base/joined.ts';
import type { AskRow, OwnRequest } from '../../http/endpoint.ts';
import type { ErrorBody } from '../../http/error-response.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { argumentsOf, answerOf } from './tool-schemas.ts';
import { FILE_FIELD } from './tools.ts';
import type { ToolRow } from './tools.ts';

type Json = Readonly<Record<string, unknown>>;

/** Most bytes of an answer: several minutes of speech. */
export const MAX_RESULT_BYTES = 16 * 1024 * 1024;
/** Name of a recording, whose format is found by its first bytes. */
const FILE_NAME = 'recording';

/** A result of tools/call. */
export interface ToolResult {
  readonly content: readonly Json[];
  readonly structuredContent?: Json;
  readonly isError?: true;
}

/** @throws {EngineError} for arguments that the tool does not have; what the endpoint refuses is a result */
export async function callTool(
  row: ToolRow,
  given: Json,
  askRow: AskRow,
  signal: AbortSignal,
): Promise<ToolResult> {
  const response = await askRow(row.endpoint.name, requestOf(row, given), signal);
  const type = response.headers.get('content-type') ?? '';
  const bytes = await readBounded(response);
  if (!type.startsWith('application/json')) return audioResult(bytes, type);
  const json = JSON.parse(new TextDecoder().decode(bytes)) as Json;
  if (!response.ok) return failureResult((json as unknown as ErrorBody).error);
  return jsonResult(row, json);
}

/** @throws {EngineError} E_REQUEST_INVALID */
function requestOf(row: ToolRow, given: Json): OwnRequest {
  const { params, query, fields } = argumentsOf(row);
  const known = [...params, ...query, ...fields];
  const unknown = Object.keys(given).find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw invalidField(
      unknown.slice(0, 80),
      `is no argument of ${row.name}; expected ${known.length === 0 ? 'none' : `some of ${known.join(', ')}`}`,
    );
  for (const name of [...params, ...(row.required ?? [])])
    if (given[name] === undefined) throw invalidField(name, 'is missing; expected a value');
  const asked = { params: pickTexts(given, params), query: pickTexts(given, query) };
  const body = { ...pick(given, fields), ...row.fixed };
  if (row.endpoint.form !== undefined) return { ...asked, form: formOf(body) };
  return row.endpoint.body === undefined ? asked : { ...asked, body };
}

/** @throws {EngineError} E_REQUEST_INVALID */
function formOf(fields: Json): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value !== 'string') throw invalidField(name, `expected a text, got ${typeof value}`);
    if (name !== FILE_FIELD) {
      form.append(name, value);
      continue;
    }
    const bytes = fromBase64(value);
    if (bytes === null || bytes.length === 0) throw invalidField(name, 'expected base64');
    form.append(name, new Blob([bytes]), FILE_NAME);
  }
  return form;
}

const pick = (given: Json, names: readonly string[]): Json =>
  Object.fromEntries(Object.entries(given).filter(([name]) => names.includes(name)));

/** @throws {EngineError} E_REQUEST_INVALID */
function pickTexts(given: Json, names: readonly string[]): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [name, value] of Object.entries(pick(given, names))) {
    if (typeof value !== 'string') throw invalidField(name, `expected a text, got ${typeof value}`);
    texts[name] = value;
  }
  return texts;
}

/** @throws {EngineError} E_BODY_TOO_LARGE */
async function readBounded(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let nBytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    nBytes += chunk.length;
    if (nBytes > MAX_RESULT_BYTES)
      throw new EngineError(
        'E_BODY_TOO_LARGE',
        `result: is larger than ${MAX_RESULT_BYTES} bytes. Ask for less at once.`,
      );
    chunks.push(chunk);
  }
  return joinBytes(chunks);
}

function jsonResult(row: ToolRow, json: Json): ToolResult {
  const schema = answerOf(row);
  const shown = schema === null ? json : pick(json, Object.keys(schema.shape));
  // Clients that know no structured results read the text.
  const content = [{ type: 'text', text: JSON.stringify(shown) }];
  return schema === null ? { content } : { content, structuredContent: shown };
}

function audioResult(bytes: Uint8Array, mimeType: string): ToolResult {
  return { content: [{ type: 'audio', data: toBase64(bytes), mimeType }] };
}

/** What went wrong, with its code, for a model to act on. */
export function failureResult({
  code,
  thimble_code: own,
  message,
}: Pick<ErrorBody['error'], 'code' | 'thimble_code' | 'message'>): ToolResult {
  return { content: [{ type: 'text', text: `${own ?? code}: ${message}` }], isError: true };
}
