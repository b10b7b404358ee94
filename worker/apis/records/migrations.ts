/** Tables of a record's database, as a list of migrations that only ever grows. */
export const RECORD_MIGRATIONS: readonly string[] = [
  // One row: what the record is, sealed.
  `CREATE TABLE head (id INTEGER PRIMARY KEY CHECK (id = 1), json BLOB NOT NULL);
   -- What it consists of, the oldest first, sealed.
   CREATE TABLE items (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, json BLOB NOT NULL);`,
];
