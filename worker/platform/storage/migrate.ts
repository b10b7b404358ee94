/** Migrates a Durable Object's database from version to version, by statements in order. */

/** Version of the schema; 0 for a database that was never written to. */
export function readSchemaVersion(sql: SqlStorage): number {
  const found = sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'").toArray();
  if (found.length === 0) return 0;
  return Number(sql.exec('SELECT version FROM schema_version').one()['version']);
}

/**
 * Entry i of `migrations` brings a database from version i to i + 1. To be called inside a
 * transaction.
 */
export function migrate(sql: SqlStorage, migrations: readonly string[]): void {
  const version = readSchemaVersion(sql);
  const wanted = migrations.length;
  if (version === wanted) return;
  if (version > wanted)
    throw new Error(`database schema ${version} is newer than this script's ${wanted}`);
  if (version === 0) {
    sql.exec('CREATE TABLE schema_version (version INTEGER NOT NULL)');
    sql.exec('INSERT INTO schema_version VALUES (0)');
  }
  for (const statement of migrations.slice(version)) sql.exec(statement);
  sql.exec('UPDATE schema_version SET version = ?', wanted);
}
