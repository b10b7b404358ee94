/** Tables of a session's database, as a list of migrations that only ever grows. */

/** Entry i brings a database from version i to i + 1. */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE messages (
     id INTEGER PRIMARY KEY,
     role TEXT NOT NULL,
     content TEXT NOT NULL,
     -- Tokens of the content alone, by the model of its turn.
     n_token INTEGER NOT NULL,
     model TEXT NOT NULL,
     created_at INTEGER NOT NULL
   )`,
];

export const SCHEMA_VERSION = MIGRATIONS.length;

/** 0 for a session that was never written to. */
export function readSchemaVersion(sql: SqlStorage): number {
  const found = sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'").toArray();
  if (found.length === 0) return 0;
  return Number(sql.exec('SELECT version FROM schema_version').one()['version']);
}

/** Brings the database up to date; to be called inside a transaction. */
export function migrate(sql: SqlStorage): void {
  const version = readSchemaVersion(sql);
  if (version === SCHEMA_VERSION) return;
  if (version > SCHEMA_VERSION)
    throw new Error(`session schema ${version} is newer than this script's ${SCHEMA_VERSION}`);
  if (version === 0) {
    sql.exec('CREATE TABLE schema_version (version INTEGER NOT NULL)');
    sql.exec('INSERT INTO schema_version VALUES (0)');
  }
  for (const statement of MIGRATIONS.slice(version)) sql.exec(statement);
  sql.exec('UPDATE schema_version SET version = ?', SCHEMA_VERSION);
}
