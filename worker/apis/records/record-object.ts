/** A record: one object per id, sealed with its subject's key. It is deleted when its time is over. */
import type { ContentBox } from '../../access/content/content-box.ts';
import { openText } from '../../access/content/content-box.ts';
import { Keeper } from '../../access/content/keeper.ts';
import type { ContentEnv } from '../../access/content/content-keys.ts';
import { keptMs } from '../../access/content/retention.ts';
import { answerCall } from '../../platform/rpc.ts';
import type { RpcAnswer } from '../../platform/rpc.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { migrate, readSchemaVersion } from '../../platform/storage/migrate.ts';
import { PortableObject } from '../../platform/storage/portable-object.ts';
import { checkRowSize } from '../../platform/storage/row-size.ts';
import type { RecordItem, RecordOwner, StoredRecordObject } from './env.ts';
import { RECORD_MIGRATIONS } from './migrations.ts';

/** Most items of a record, and most of their bytes together. */
export const MAX_RECORD_ITEMS = 4096;
const MAX_RECORD_BYTES = 8_000_000;

const HEAD_PLACE = 'head';
const itemPlace = (id: string): string => `items/${id}`;

export class RecordObject extends PortableObject<ContentEnv> implements StoredRecordObject {
  readonly #keeper = new Keeper(this.ctx.storage, this.env, 'record');

  async write(
    owner: RecordOwner,
    head: string,
    items: readonly RecordItem[] | null,
    wantedMs: number | null,
  ): Promise<RpcAnswer<null>> {
    return await answerCall({ place: 'record.write', ...owner }, async () => {
      checkRowSize(head, 'metadata', 'a record');
      checkItems(items ?? [], 0, 0);
      const box = await this.#keeper.begin(owner, owner.id);
      const key = await box.writingKey();
      const sealedHead = await box.sealWith(key, HEAD_PLACE, head);
      const sealed = await sealItems(box, items ?? []);
      const { sql } = this.ctx.storage;
      this.ctx.storage.transactionSync(() => {
        migrate(sql, RECORD_MIGRATIONS);
        sql.exec('INSERT OR REPLACE INTO head VALUES (1, ?)', sealedHead);
        if (items !== null) sql.exec('DELETE FROM items');
        insertItems(sql, sealed);
      });
      const ms = Math.min(wantedMs ?? Infinity, keptMs(this.env, null));
      if (ms !== Infinity) await this.ctx.storage.setAlarm(Date.now() + ms);
      return null;
    });
  }

  async update(owner: RecordOwner, head: string): Promise<RpcAnswer<boolean>> {
    return await answerCall({ place: 'record.update', ...owner }, async () => {
      checkRowSize(head, 'metadata', 'a record');
      const box = await this.#box();
      if (box === null) return false;
      const sealed = await box.seal(HEAD_PLACE, head);
      // It may have been deleted in the meantime.
      if (!this.#isThere()) return false;
      this.ctx.storage.sql.exec('UPDATE head SET json = ?', sealed);
      return true;
    });
  }

  async append(owner: RecordOwner, items: readonly RecordItem[]): Promise<RpcAnswer<boolean>> {
    return await answerCall({ place: 'record.append', ...owner }, async () => {
      const box = await this.#box();
      if (box === null) return false;
      const { sql } = this.ctx.storage;
      const held = sql.exec('SELECT COUNT(*) AS n, SUM(LENGTH(json)) AS bytes FROM items').one();
      checkItems(items, Number(held['n']), Number(held['bytes'] ?? 0));
      const sealed = await sealItems(box, items);
      if (!this.#isThere()) return false;
      this.ctx.storage.transactionSync(() => {
        insertItems(sql, sealed);
      });
      return true;
    });
  }

  async read(): Promise<string | null> {
    const box = await this.#box();
    if (box === null) return null;
    const [row] = this.ctx.storage.sql.exec('SELECT json FROM head').toArray();
    return row === undefined ? null : await openText(box, HEAD_PLACE, row['json']!);
  }

  async readItems(): Promise<string | null> {
    const box = await this.#box();
    if (box === null || (await this.read()) === null) return null;
    const rows = this.ctx.storage.sql.exec('SELECT id, json FROM items ORDER BY number').toArray();
    const items: string[] = [];
    for (const { id, json } of rows) {
      const text = await openText(box, itemPlace(id as string), json!);
      if (text !== null) items.push(text);
    }
    return `[${items.join(',')}]`;
  }

  async removeItem(id: string): Promise<boolean> {
    if ((await this.#box()) === null) return false;
    const { sql } = this.ctx.storage;
    const found = sql.exec('SELECT 1 FROM items WHERE id = ?', id).toArray().length > 0;
    if (found) sql.exec('DELETE FROM items WHERE id = ?', id);
    return found;
  }

  async remove(): Promise<boolean> {
    const found = (await this.read()) !== null;
    await this.#keeper.end();
    return found;
  }

  override async alarm(): Promise<void> {
    await this.#keeper.end();
  }

  /** Null when there is no record. */
  async #box(): Promise<ContentBox | null> {
    return this.#isThere() ? await this.#keeper.find() : null;
  }

  #isThere(): boolean {
    return readSchemaVersion(this.ctx.storage.sql) > 0;
  }
}

type SealedItem = readonly [id: string, json: ArrayBuffer];

/** Of items of the same id, the first is kept. */
function insertItems(sql: SqlStorage, items: readonly SealedItem[]): void {
  for (const [id, json] of items)
    sql.exec('INSERT OR IGNORE INTO items (id, json) VALUES (?, ?)', id, json);
}

async function sealItems(box: ContentBox, items: readonly RecordItem[]): Promise<SealedItem[]> {
  if (items.length === 0) return [];
  const key = await box.writingKey();
  const sealed: SealedItem[] = [];
  for (const { id, json } of items)
    sealed.push([id, await box.sealWith(key, itemPlace(id), json)] as const);
  return sealed;
}

/** @throws {EngineError} E_REQUEST_INVALID */
function checkItems(items: readonly RecordItem[], nHeld: number, heldBytes: number): void {
  let bytes = heldBytes;
  items.forEach(({ json }, i) => {
    checkRowSize(json, `items[${i}]`, 'a record');
    bytes += json.length;
  });
  const nItem = nHeld + items.length;
  if (nItem > MAX_RECORD_ITEMS || bytes > MAX_RECORD_BYTES)
    throw invalidField(
      'items',
      `expected at most ${MAX_RECORD_ITEMS} items of ${MAX_RECORD_BYTES} bytes together, got ${nItem} of ${bytes}. ` +
        'Begin a new conversation',
    );
}
