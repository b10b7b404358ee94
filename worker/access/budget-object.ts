/**
 * What all accounts of a deployment may use in a day: one object. It gives accounts slices, so that it is not
 * asked on every request; what it has given counts as used.
 */
import { DurableObject } from 'cloudflare:workers';
import { migrate } from '../platform/storage/migrate.ts';
import { readCaps, sliceOf } from './limits.ts';
import type { Amount, CapVars } from './limits.ts';

/** Name of the only object. */
export const BUDGET_NAME = 'deployment';

const MIGRATIONS: readonly string[] = [
  'CREATE TABLE given (day INTEGER PRIMARY KEY, tokens REAL NOT NULL, usd REAL NOT NULL)',
];

export class BudgetObject extends DurableObject<CapVars> {
  /** Gives at least `need` for a day, or nothing. */
  take(day: number, need: Amount): Amount {
    const { sql } = this.ctx.storage;
    return this.ctx.storage.transactionSync(() => {
      migrate(sql, MIGRATIONS);
      const [row] = sql.exec('SELECT tokens, usd FROM given WHERE day = ?', day).toArray();
      const given = { tokens: Number(row?.['tokens'] ?? 0), usd: Number(row?.['usd'] ?? 0) };
      const caps = readCaps(this.env);
      const tokens = sliceOf(need.tokens, caps.tokens, given.tokens);
      const usd = sliceOf(need.usd, caps.usd, given.usd);
      if (tokens === null || usd === null) return { tokens: 0, usd: 0 };
      sql.exec('DELETE FROM given WHERE day < ?', day);
      sql.exec(
        'INSERT OR REPLACE INTO given VALUES (?, ?, ?)',
        ...[day, given.tokens + tokens, given.usd + usd],
      );
      return { tokens, usd };
    });
  }
}
