/** A session's history alone in an object, in a database that an earlier version has written. */
import { DurableObject } from 'cloudflare:workers';
import { ContentBox } from '../../worker/access/content/content-box.ts';
import type { ContentEnv } from '../../worker/access/content/content-keys.ts';
import { SubjectKeyObject } from '../../worker/access/content/subject-key-object.ts';
import { History } from '../../worker/apis/sessions/history.ts';
import type { NewMessage } from '../../worker/apis/sessions/history.ts';
import { MIGRATIONS } from '../../worker/apis/sessions/migrations.ts';
import { migrate } from '../../worker/platform/storage/migrate.ts';

export { SubjectKeyObject };

interface Env extends ContentEnv {
  readonly HISTORY: DurableObjectNamespace<HistoryObject>;
}

export class HistoryObject extends DurableObject<Env> {
  /** Writes a row as version 1 did, then goes on as now. */
  async run(old: string, messages: readonly NewMessage[]): Promise<string> {
    const { storage } = this.ctx;
    migrate(storage.sql, MIGRATIONS.slice(0, 1));
    storage.sql.exec(
      'INSERT INTO messages (role, content, n_token, model, created_at) VALUES (?, ?, ?, ?, ?)',
      ...['user', old, 1, 'm', 0],
    );
    const history = new History(storage);
    const box = new ContentBox(this.env, { subject: 'ada', requestId: 'none' }, 'session', 'a');
    await history.append(box, 'm', messages);
    const rows = storage.sql.exec('SELECT typeof(content) AS kind FROM messages').toArray();
    if (rows.some(({ kind }) => kind !== 'blob')) throw new Error('a row is in the clear');
    return JSON.stringify(await history.read(box));
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { old, messages } = await request.json<{ old: string; messages: NewMessage[] }>();
    return new Response(await env.HISTORY.getByName('a').run(old, messages));
  },
};
