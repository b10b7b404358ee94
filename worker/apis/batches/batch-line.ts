/** A line of a batch's input, read and checked, and the line of a result file that it becomes. */
import { invalidField } from '../../platform/invalid-field.ts';
import { NO_REQUEST } from '../../platform/failure.ts';
import { z } from 'zod';
import { EngineError, type ErrorRecord } from '../../../engine/base/errors.ts';
import { recordForClient } from '../../http/error-response.ts';
import { checkBody, MAX_BODY_BYTES, parseJson } from '../../http/body/json-body.ts';
import { randomDigits } from '../../platform/storage/object-id.ts';
import type { FileLine } from '../files/line-reader.ts';
import type { LineResult } from './batch-store.ts';

const MAX_CUSTOM_ID_CHARS = 512;
/** A body, and room for the fields around it. */
export const MAX_LINE_BYTES = MAX_BODY_BYTES + 16 * 1024;

const customId = z.string().min(1).max(MAX_CUSTOM_ID_CHARS);
const lineSchema = z.looseObject({
  custom_id: customId,
  method: z.literal('POST'),
  url: z.string(),
  body: z.record(z.string(), z.unknown()),
});

/** Fields that make no sense where nobody waits and lines run in parallel. */
const REFUSED_FIELDS: Readonly<Record<string, string>> = {
  stream: 'a line of a batch is not streamed',
  background: 'a batch runs in the background already',
  session: 'lines of a batch run in parallel, turns of a session one after the other',
};

export interface LineRequest {
  readonly customId: string;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface ParsedLine {
  /** Id of the line, if it has one; broken lines may. */
  readonly customId: string | null;
  readonly request: LineRequest | null;
  readonly error: ErrorRecord | null;
}

const PLACE = { place: 'gateway.batch.line', ...NO_REQUEST };

/** Never throws: a broken line fails alone. @param endpoint path of the batch's endpoint */
export function parseLine(line: FileLine, endpoint: string): ParsedLine {
  let id: string | null = null;
  try {
    const json = parseJson(decode(line), 'request');
    id = customIdOf(json);
    const { custom_id, url, body } = checkBody(json, lineSchema);
    if (url !== endpoint)
      throw invalidField('url', `expected ${endpoint} as in the batch, got ${shown(url)}`);
    for (const [name, why] of Object.entries(REFUSED_FIELDS)) {
      const value = body[name];
      if (value !== undefined && value !== null && value !== false)
        throw invalidField(`body.${name}`, `${why}; expected it to be absent`);
    }
    return { customId: id, request: { customId: custom_id, body }, error: null };
  } catch (error) {
    return { customId: id, request: null, error: recordForClient(error, PLACE) };
  }
}

export function duplicateError(id: string, firstLine: number): ErrorRecord {
  const message = `custom_id: expected one that no other line has, got ${shown(id)}, which line ${firstLine} has.`;
  return { code: 'E_REQUEST_INVALID', message, param: 'custom_id', details: { firstLine } };
}

/** Result of a line that is refused. */
export function brokenResult(line: number, id: string | null, error: ErrorRecord): LineResult {
  const { code, message, param } = error;
  const told = { code, message: `line ${line}: ${message}`, param, line };
  return { isError: true, text: lineText(line, id, null, told) };
}

/** Result of a line that was not run; the codes are OpenAI's. */
export function skippedResult(
  line: number,
  id: string | null,
  outcome: 'expired' | 'cancelled',
): LineResult {
  const message = {
    expired: 'the completion window ended before this request was run.',
    cancelled: 'the batch was cancelled before this request was run.',
  }[outcome];
  const error = { code: `batch_${outcome}`, message, param: null, line };
  return { isError: true, text: lineText(line, id, null, error) };
}

/** Result of a line that was answered. @param body JSON as the endpoint wrote it */
export function answerResult(line: number, id: string, status: number, body: string): LineResult {
  const head = `"status_code":${status},"request_id":"req_${randomDigits()}"`;
  const isError = status < 200 || status > 299;
  return { isError, text: lineText(line, id, `{${head},"body":${body}}`, null) };
}

function lineText(
  line: number,
  id: string | null,
  response: string | null,
  error: object | null,
): string {
  const head = `"id":"batch_req_${randomDigits()}","custom_id":${JSON.stringify(id)},"line":${line}`;
  return `{${head},"response":${response ?? 'null'},"error":${JSON.stringify(error)}}`;
}

function decode({ bytes }: FileLine): string {
  if (bytes === null)
    throw new EngineError(
      'E_BODY_TOO_LARGE',
      `request: is larger than ${MAX_LINE_BYTES} bytes. Send less text.`,
    );
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    throw new EngineError('E_REQUEST_INVALID', 'request: is not UTF-8. Save the file as UTF-8.');
  }
}

function customIdOf(json: unknown): string | null {
  const value: unknown = (json as { custom_id?: unknown } | null)?.custom_id;
  return customId.safeParse(value).data ?? null;
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
