/** A subject's key and what it has sealed, without HTTP around them. */
import { DurableObject } from 'cloudflare:workers';
import { ContentBox } from '../../worker/access/content/content-box.ts';
import { dropKey } from '../../worker/access/content/content-keys.ts';
import type { ContentEnv } from '../../worker/access/content/content-keys.ts';
import { SubjectKeyObject } from '../../worker/access/content/subject-key-object.ts';
import { History } from '../../worker/apis/sessions/history.ts';

interface Env extends ContentEnv {
  readonly HISTORY: DurableObjectNamespace<SealedHistory>;
  readonly SUBJECT_KEYS: DurableObjectNamespace<RestorableKeys>;
}

const SUBJECT = 'ada';
const content = [{ type: 'text' as const, text: 'My name is Ada.' }];

type Rows = Record<string, SqlStorageValue>[];

export class SealedHistory extends DurableObject<Env> {
  readonly #history = new History(this.ctx.storage);
  readonly #box = new ContentBox(
    this.env,
    { subject: SUBJECT, requestId: 'none' },
    'session',
    'diary',
  );

  async say(): Promise<void> {
    await this.#history.append(this.#box, 'm', [{ role: 'user', content, nToken: 5 }]);
  }

  async texts(): Promise<string[] | null> {
    const found = await this.#history.read(this.#box);
    return found === null ? null : found.messages.map((message) => JSON.stringify(message.content));
  }

  rows(): Rows {
    return this.ctx.storage.sql.exec('SELECT * FROM messages').toArray();
  }

  /** As a database that is restored. */
  restore(rows: Rows): void {
    const { sql } = this.ctx.storage;
    sql.exec('DELETE FROM messages');
    for (const { id, role, content: text, n_token, model, created_at } of rows)
      sql.exec(
        'INSERT INTO messages (id, role, content, n_token, model, created_at) VALUES (?, ?, ?, ?, ?, ?)',
        ...[id!, role!, text!, n_token!, model!, created_at!],
      );
  }
}

export class RestorableKeys extends SubjectKeyObject {
  rows(): Rows {
    return this.ctx.storage.sql.exec('SELECT * FROM keys').toArray();
  }

  /** As a database that is restored. */
  restore(rows: Rows): void {
    const { sql } = this.ctx.storage;
    sql.exec('DELETE FROM keys');
    for (const { generation, stored_at } of rows)
      sql.exec('INSERT INTO keys (generation, stored_at) VALUES (?, ?)', generation!, stored_at!);
    sql.exec('UPDATE sqlite_sequence SET seq = ?', rows.length);
  }
}

/** What happens to a key and its rows, in order. */
async function run(env: Env): Promise<object> {
  const history = env.HISTORY.getByName('a');
  const keys = env.SUBJECT_KEYS.getByName(SUBJECT);
  const steps: Record<string, unknown> = {};
  await history.say();
  steps['before'] = await history.texts();
  const rows = await history.rows();
  const keyRows = await keys.rows();
  steps['first'] = await keys.destroy(SUBJECT);
  dropKey(SUBJECT);
  steps['destroyed'] = await history.texts();
  steps['again'] = await keys.destroy(SUBJECT);
  // A later turn gets a new key, which opens nothing that the old one has sealed.
  await history.restore([]);
  await history.say();
  steps['later'] = await history.texts();
  await history.restore(rows);
  steps['restored'] = await history.texts();
  steps['second'] = await keys.destroy(SUBJECT);
  dropKey(SUBJECT);
  // The object that knows the keys is restored, too: their bytes are gone, and numbers are not given twice.
  await history.restore([]);
  await history.say();
  await keys.restore(keyRows);
  await history.restore(rows);
  dropKey(SUBJECT);
  steps['allRestored'] = await history.texts();
  await history.restore([]);
  await history.say();
  steps['third'] = await keys.destroy(SUBJECT);
  return steps;
}

export default {
  async fetch(_request: Request, env: Env): Promise<Response> {
    return Response.json(await run(env));
  },
};
