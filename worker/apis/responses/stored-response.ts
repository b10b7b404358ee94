/** One response and the conversation it answers, in a Durable Object's SQLite database. */
import type { EngineError } from '../../../engine/base/errors.ts';
import { openText } from '../../access/content/content-box.ts';
import type { ContentBox } from '../../access/content/content-box.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import type { Redaction } from '../../serving/redaction/redactor.ts';
import type { InputItemJson } from './item-schema.ts';
import type { ResponseBody, ResponseJson } from './schema.ts';
import { migrate, readSchemaVersion } from '../../platform/storage/migrate.ts';
import { checkRowSize, MAX_CONTENT_BYTES, utf8Bytes } from '../../platform/storage/row-size.ts';
import { RESPONSE_MIGRATIONS } from './migrations.ts';

/** Most items of a conversation, which every response in it stores again. */
export const MAX_ITEMS = 4096;
export const MAX_ITEMS_BYTES = 8_000_000;

/** Fields of a request that its response repeats, next to its output in one row. */
const SHOWN_FIELDS = ['instructions', 'text', 'tools'] as const;
export const MAX_SHOWN_BYTES = 1_000_000;

export class StoredResponse {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /**
   * The response; null when there is none, or when its key has been destroyed. Reading creates nothing.
   * @param box null before anything sealed was stored
   */
  async read(box: ContentBox | null): Promise<ResponseJson | null> {
    const { sql } = this.#storage;
    if (readSchemaVersion(sql) === 0) return null;
    const [row] = sql.exec('SELECT json FROM response').toArray();
    const text = row === undefined ? null : await openText(box, RESPONSE_PLACE, row['json']!);
    return text === null ? null : (JSON.parse(text) as ResponseJson);
  }

  async readInput(box: ContentBox | null): Promise<InputItemJson[]> {
    const { sql } = this.#storage;
    if (readSchemaVersion(sql) === 0) return [];
    const rows = sql.exec('SELECT id, json FROM input_items ORDER BY id').toArray();
    const items: InputItemJson[] = [];
    for (const { id, json } of rows) {
      const text = await openText(box, itemPlace(Number(id)), json!);
      if (text !== null) items.push(JSON.parse(text) as InputItemJson);
    }
    return items;
  }

  /** Placeholders of the conversation with their values. */
  async readRedactions(box: ContentBox | null): Promise<Redaction[]> {
    const { sql } = this.#storage;
    if (readSchemaVersion(sql) < REDACTIONS_SCHEMA) return [];
    const [row] = sql.exec('SELECT json FROM redactions').toArray();
    const text = row === undefined ? null : await openText(box, REDACTIONS_PLACE, row['json']!);
    return text === null ? [] : (JSON.parse(text) as Redaction[]);
  }

  /**
   * Replaces response and input, or changes nothing when it fails.
   * @param isWanted asked when all is sealed: what was deleted in the meantime is not written
   */
  async write(
    box: ContentBox,
    response: ResponseJson,
    input: readonly InputItemJson[],
    redactions: readonly Redaction[],
    isWanted: () => boolean,
  ): Promise<void> {
    const { sql } = this.#storage;
    const key = await box.writingKey();
    const sealed = await box.sealWith(key, RESPONSE_PLACE, rowText(response));
    const items: ArrayBuffer[] = [];
    for (const [i, item] of input.entries())
      items.push(await box.sealWith(key, itemPlace(i + 1), JSON.stringify(item)));
    const values =
      redactions.length === 0
        ? null
        : await box.sealWith(key, REDACTIONS_PLACE, JSON.stringify(redactions));
    if (!isWanted()) return;
    this.#storage.transactionSync(() => {
      migrate(sql, RESPONSE_MIGRATIONS);
      sql.exec('INSERT OR REPLACE INTO response VALUES (1, ?)', sealed);
      if (values !== null) sql.exec('INSERT OR REPLACE INTO redactions VALUES (1, ?)', values);
      sql.exec('DELETE FROM input_items');
      for (const [i, item] of items.entries())
        sql.exec('INSERT INTO input_items (id, json) VALUES (?, ?)', i + 1, item);
    });
  }
}

const MEDIA_TYPES: ReadonlySet<string> = new Set(['input_image', 'input_audio']);
const REDACTIONS_PLACE = 'redactions';
/** The first schema that has redactions. */
const REDACTIONS_SCHEMA = 2;
const RESPONSE_PLACE = 'response';
const itemPlace = (id: number): string => `input_items/${id}`;

/** JSON of the response, without log-probabilities if they would exceed a row. */
export function rowText(response: ResponseJson): string {
  const text = JSON.stringify(response);
  if (utf8Bytes(text) <= MAX_CONTENT_BYTES) return text;
  const output = response.output.map((item) => ({
    ...item,
    ...(item.type === 'message'
      ? { content: item.content.map((part) => ({ ...part, logprobs: [] })) }
      : {}),
  }));
  return JSON.stringify({ ...response, output });
}

/** Called before anything is generated. @throws {EngineError} E_REQUEST_INVALID naming field and limit. */
export function checkStorable(
  input: readonly InputItemJson[],
  body: Pick<ResponseBody, (typeof SHOWN_FIELDS)[number]>,
): void {
  let shownBytes = 0;
  for (const name of SHOWN_FIELDS) {
    shownBytes += utf8Bytes(JSON.stringify(body[name] ?? ''));
    if (shownBytes > MAX_SHOWN_BYTES)
      throw invalidField(
        name,
        `a stored response keeps at most ${MAX_SHOWN_BYTES} bytes of ` +
          `${SHOWN_FIELDS.join(', ')}, got ${shownBytes} with it. Shorten it, or send "store": false`,
      );
  }
  if (input.length > MAX_ITEMS) throw tooLong(`${input.length} messages`, `${MAX_ITEMS}`);
  let bytes = 0;
  input.forEach((item, i) => {
    const json = JSON.stringify(item);
    const hasMedia =
      item.type === 'message' && item.content.some(({ type }) => MEDIA_TYPES.has(type));
    const fix = hasMedia ? 'Send less at once, or "store": false' : undefined;
    checkRowSize(json, `input[${i}]`, 'a response', fix);
    bytes += utf8Bytes(json);
  });
  if (bytes > MAX_ITEMS_BYTES) throw tooLong(`${bytes} bytes`, `${MAX_ITEMS_BYTES} bytes`);
}

function tooLong(got: string, limit: string): EngineError {
  return invalidField(
    'input',
    `a stored conversation has at most ${limit}, got ${got}. Begin a new one, or send "store": false`,
  );
}
