/** A session's messages in its SQLite database. */
import { openText } from '../../access/content/content-box.ts';
import type { ContentBox } from '../../access/content/content-box.ts';
import { contentText, textContent } from '../../serving/conversation/message.ts';
import type { Content } from '../../serving/conversation/message.ts';
import type { Redaction } from '../../serving/redaction/redactor.ts';
import { readSchemaVersion } from '../../platform/storage/migrate.ts';
import { checkRowSize } from '../../platform/storage/row-size.ts';
import { migrateSession, SCHEMA_VERSION } from './migrations.ts';
import { setConsent } from './ratings.ts';

export interface NewMessage {
  readonly role: string;
  readonly content: Content;
  readonly nToken: number;
}

export interface StoredMessage extends NewMessage {
  /** Of its row. */
  readonly id: number;
  readonly model: string;
  readonly createdAtMs: number;
}

/** Size of a page of messages, after which it takes no further one; a row is at most 2 MB. */
const PAGE_BYTES = 2_000_000;

/** A row of the table, with its columns' names. */
interface MessageRow extends Record<string, SqlStorageValue> {
  id: number;
  role: string;
  /** The text parts, joined: sealed, or a text in the clear of an earlier version. */
  content: ArrayBuffer | string;
  /** JSON of the parts, like the content; null when the content is a single text. */
  parts: ArrayBuffer | string | null;
  n_token: number;
  model: string;
  created_at: number;
}

/** What a turn says of its session; null leaves it as it is. */
export interface KeepOptions {
  readonly retentionS?: number | null;
  readonly redactions?: readonly Redaction[] | null;
  readonly allowsTraining?: boolean | null;
}

/** A session's messages, the oldest first. */
export interface StoredHistory {
  readonly schemaVersion: number;
  readonly messages: StoredMessage[];
}

export class History {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /**
   * The messages; null when the session does not exist. Reading creates nothing. What a destroyed key has sealed
   * is not there.
   * @param box null before anything sealed was stored
   */
  async read(box: ContentBox | null): Promise<StoredHistory | null> {
    const { sql } = this.#storage;
    const schemaVersion = readSchemaVersion(sql);
    if (schemaVersion === 0) return null;
    if (schemaVersion < SCHEMA_VERSION) this.#storage.transactionSync(() => migrateSession(sql));
    const rows = sql
      .exec<MessageRow>(
        'SELECT id, role, content, parts, n_token, model, created_at FROM messages ORDER BY id',
      )
      .toArray();
    const messages: StoredMessage[] = [];
    for (const row of rows) {
      const content = await openContent(box, row);
      if (content === null) continue;
      const { id, role, n_token: nToken, model, created_at: createdAtMs } = row;
      messages.push({ id, role, content, nToken, model, createdAtMs });
    }
    if (rows.length > 0 && messages.length === 0) return null;
    return { schemaVersion: SCHEMA_VERSION, messages };
  }

  /**
   * Messages after the row `after`, as JSON, of a bounded size together; null when the session does not exist.
   * `last` is null after the last one.
   */
  async page(
    box: ContentBox | null,
    after: number,
  ): Promise<{ messages: string[]; last: number | null } | null> {
    const { sql } = this.#storage;
    if (readSchemaVersion(sql) === 0) return null;
    this.#storage.transactionSync(() => migrateSession(sql));
    const rows: MessageRow[] = [];
    let nByte = 0;
    for (const row of sql.exec<MessageRow>(
      'SELECT * FROM messages WHERE id > ? ORDER BY id',
      after,
    )) {
      rows.push(row);
      nByte += sizeOf(row.content) + sizeOf(row.parts);
      if (nByte >= PAGE_BYTES) break;
    }
    const messages: string[] = [];
    for (const row of rows) {
      const content = await openContent(box, row);
      if (content === null) continue;
      const { role, n_token: tokens, model, created_at } = row;
      const createdAtS = Math.floor(created_at / 1000);
      messages.push(JSON.stringify({ role, content, tokens, model, created_at: createdAtS }));
    }
    return { messages, last: rows.at(-1)?.id ?? null };
  }

  /** Placeholders of earlier turns with their values. */
  async redactions(box: ContentBox | null): Promise<Redaction[]> {
    const { sql } = this.#storage;
    if (readSchemaVersion(sql) < SCHEMA_VERSION) return [];
    const [row] = sql.exec('SELECT json FROM redactions').toArray();
    const text = row === undefined ? null : await openText(box, REDACTIONS_PLACE, row['json']!);
    return text === null ? [] : (JSON.parse(text) as Redaction[]);
  }

  /** Seconds that the session asked to be kept; null where it did not. */
  retentionS(): number | null {
    const { sql } = this.#storage;
    if (readSchemaVersion(sql) < SCHEMA_VERSION) return null;
    const [row] = sql.exec('SELECT seconds FROM retention').toArray();
    return row === undefined ? null : Number(row['seconds']);
  }

  /**
   * Adds all messages or none; rows of earlier versions are sealed, too. Nobody else may write meanwhile.
   * @throws {EngineError} E_REQUEST_INVALID when a row would be too large.
   */
  async append(
    box: ContentBox,
    model: string,
    messages: readonly NewMessage[],
    { retentionS = null, redactions = null, allowsTraining = null }: KeepOptions = {},
  ): Promise<void> {
    messages.forEach(({ content }, i) => checkStored(content, `messages[${i}].content`));
    const { sql } = this.#storage;
    this.#storage.transactionSync(() => migrateSession(sql));
    const clear = await this.#sealClear(box);
    const first =
      Number(sql.exec('SELECT COALESCE(MAX(id), 0) AS id FROM messages').one()['id']) + 1;
    const sealed: SealedContent[] = [];
    for (const [i, { content }] of messages.entries())
      sealed.push(await sealContent(box, first + i, contentText(content), partsJson(content)));
    const values =
      redactions === null ? null : await box.seal(REDACTIONS_PLACE, JSON.stringify(redactions));
    const now = Date.now();
    this.#storage.transactionSync(() => {
      for (const { id, content, parts } of clear)
        sql.exec('UPDATE messages SET content = ?, parts = ? WHERE id = ?', content, parts, id);
      for (const [i, { role, nToken }] of messages.entries()) {
        const { id, content, parts } = sealed[i]!;
        sql.exec(
          'INSERT INTO messages (id, role, content, parts, n_token, model, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
          ...[id, role, content, parts, nToken, model, now],
        );
      }
      if (retentionS !== null)
        sql.exec('INSERT OR REPLACE INTO retention VALUES (1, ?)', retentionS);
      if (values !== null) sql.exec('INSERT OR REPLACE INTO redactions VALUES (1, ?)', values);
      if (allowsTraining !== null) setConsent(sql, allowsTraining);
    });
  }

  async #sealClear(box: ContentBox): Promise<SealedContent[]> {
    const rows = this.#storage.sql
      .exec<MessageRow>("SELECT * FROM messages WHERE typeof(content) = 'text'")
      .toArray();
    const sealed: SealedContent[] = [];
    for (const { id, content, parts } of rows)
      sealed.push(await sealContent(box, id, content as string, parts as string | null));
    return sealed;
  }
}

interface SealedContent {
  readonly id: number;
  readonly content: ArrayBuffer;
  readonly parts: ArrayBuffer | null;
}

async function sealContent(
  box: ContentBox,
  id: number,
  text: string,
  parts: string | null,
): Promise<SealedContent> {
  const content = await box.seal(placeOf(id, 'content'), text);
  return {
    id,
    content,
    parts: parts === null ? null : await box.seal(placeOf(id, 'parts'), parts),
  };
}

/** Null when the key of the row has been destroyed. */
async function openContent(
  box: ContentBox | null,
  { id, content, parts }: MessageRow,
): Promise<Content | null> {
  const column = parts === null ? 'content' : 'parts';
  const text = await openText(box, placeOf(id, column), parts ?? content);
  if (text === null) return null;
  return parts === null ? textContent(text) : (JSON.parse(text) as Content);
}

const REDACTIONS_PLACE = 'redactions';

const sizeOf = (column: ArrayBuffer | string | null): number =>
  typeof column === 'string' ? column.length : (column?.byteLength ?? 0);

const placeOf = (id: number, column: string): string => `messages/${id}/${column}`;

/** Parts that a row keeps in addition to the text; null when the text is enough. */
function partsJson(content: Content): string | null {
  if (content.every(({ type }) => type === 'text')) return null;
  // Where a part stood in its request says nothing later.
  return JSON.stringify(content, (name, value: unknown) => (name === 'at' ? undefined : value));
}

/** @throws {EngineError} E_REQUEST_INVALID naming `param`, when a row with `content` is too large. */
export function checkStored(content: Content, param: string): void {
  const parts = partsJson(content);
  const fix = parts === null ? undefined : 'Send less at once, or "store": false';
  checkRowSize(contentText(content) + (parts ?? ''), param, 'a session', fix);
}
