/** A session's messages in its SQLite database. */
import { contentText, textContent } from '../../serving/conversation/message.ts';
import type { Content } from '../../serving/conversation/message.ts';
import { readSchemaVersion } from '../../platform/storage/migrate.ts';
import { checkRowSize } from '../../platform/storage/row-size.ts';
import { migrateSession, SCHEMA_VERSION } from './migrations.ts';

export interface NewMessage {
  readonly role: string;
  readonly content: Content;
  readonly nToken: number;
}

export interface StoredMessage extends NewMessage {
  readonly model: string;
  readonly createdAtMs: number;
}

/** A row of the table, with its columns' names. */
interface MessageRow extends Record<string, SqlStorageValue> {
  role: string;
  /** The text parts, joined. */
  content: string;
  /** JSON of the parts; null when the content is a single text. */
  parts: string | null;
  n_token: number;
  model: string;
  created_at: number;
}

export class History {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** The messages; null when the session does not exist. Reading creates nothing. */
  read(): { schemaVersion: number; messages: StoredMessage[] } | null {
    const { sql } = this.#storage;
    const schemaVersion = readSchemaVersion(sql);
    if (schemaVersion === 0) return null;
    if (schemaVersion < SCHEMA_VERSION) this.#storage.transactionSync(() => migrateSession(sql));
    const rows = sql.exec<MessageRow>(
      'SELECT role, content, parts, n_token, model, created_at FROM messages ORDER BY id',
    );
    const messages = [...rows].map(({ role, content, parts, n_token, model, created_at }) => ({
      role,
      content: parts === null ? textContent(content) : (JSON.parse(parts) as Content),
      nToken: n_token,
      model,
      createdAtMs: created_at,
    }));
    return { schemaVersion: SCHEMA_VERSION, messages };
  }

  /** Adds all messages or none. @throws {EngineError} E_REQUEST_INVALID when a row would be too large. */
  append(model: string, messages: readonly NewMessage[]): void {
    messages.forEach(({ content }, i) => checkStored(content, `messages[${i}].content`));
    const { sql } = this.#storage;
    const now = Date.now();
    this.#storage.transactionSync(() => {
      migrateSession(sql);
      for (const { role, content, nToken } of messages)
        sql.exec(
          'INSERT INTO messages (role, content, parts, n_token, model, created_at) VALUES (?, ?, ?, ?, ?, ?)',
          ...[role, contentText(content), partsJson(content), nToken, model, now],
        );
    });
  }

  async clear(): Promise<void> {
    await this.#storage.deleteAll();
  }
}

/** Parts that a row keeps in addition to the text; null when the text is enough. */
function partsJson(content: Content): string | null {
  return content.every(({ type }) => type === 'text') ? null : JSON.stringify(content);
}

/** @throws {EngineError} E_REQUEST_INVALID naming `param`, when a row with `content` is too large. */
export function checkStored(content: Content, param: string): void {
  checkRowSize(contentText(content) + (partsJson(content) ?? ''), param);
}
