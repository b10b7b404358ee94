/** A Durable Object's database for tests that need no runtime: Node's own SQLite with the platform's calls. */
import { DatabaseSync } from 'node:sqlite';

export function sqliteStorage(database = new DatabaseSync(':memory:')): DurableObjectStorage {
  const exec = (query: string, ...values: (string | number | null)[]) => {
    if (values.length === 0 && !/^\s*select/i.test(query)) {
      database.exec(query);
      return { toArray: () => [], one: () => ({}) };
    }
    const rows = database.prepare(query).all(...values);
    return { toArray: () => rows, one: () => rows[0] };
  };
  const transactionSync = <T>(work: () => T): T => {
    database.exec('SAVEPOINT work');
    try {
      const result = work();
      database.exec('RELEASE work');
      return result;
    } catch (error) {
      database.exec('ROLLBACK TO work; RELEASE work');
      throw error;
    }
  };
  return { sql: { exec }, transactionSync } as unknown as DurableObjectStorage;
}
