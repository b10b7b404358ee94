/** A session's history alone in an object, in a database that an earlier version has written. */
import { DurableObject } from 'cloudflare:workers';
import { History } from '../../worker/apis/sessions/history.ts';
import type { NewMessage } from '../../worker/apis/sessions/history.ts';
import { MIGRATIONS } from '../../worker/apis/sessions/migrations.ts';
import { migrate } from '../../worker/platform/storage/migrate.ts';

interface Env {
  readonly HISTORY: DurableObjectNamespace<HistoryObject>;
}

export class HistoryObject extends DurableObject<Env> {
  /** Writes a row as version 1 did, then goes on as now. */
  run(old: string, messages: readonly NewMessage[]): string {
    const { storage } = this.ctx;
    migrate(storage.sql, MIGRATIONS.slice(0, 1));
    storage.sql.exec(
      'INSERT INTO messages (role, content, n_token, model, created_at) VALUES (?, ?, ?, ?, ?)',
      ...['user', old, 1, 'm', 0],
    );
    const history = new History(storage);
    history.append('m', messages);
    return JSON.stringify(history.read());
  }
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { old, messages } = await request.json<{ old: string; messages: NewMessage[] }>();
    return new Response(await env.HISTORY.getByName('a').run(old, messages));
  },
};
