/** Tables of a session's database, as a list of migrations that only ever grows. */
import { migrate } from '../../platform/storage/migrate.ts';

/** Entry i brings a database from version i to i + 1. */
export const MIGRATIONS: readonly string[] = [
  `CREATE TABLE messages (
     id INTEGER PRIMARY KEY,
     role TEXT NOT NULL,
     content TEXT NOT NULL,
     -- Tokens of the content alone, by the model of its turn.
     n_token INTEGER NOT NULL,
     model TEXT NOT NULL,
     created_at INTEGER NOT NULL
   )`,
  // Content with more than text: JSON of its parts, in addition to the text in `content`.
  'ALTER TABLE messages ADD COLUMN parts TEXT',
  // One row: seconds after the last turn that the session is kept, where its turns said so.
  `CREATE TABLE retention (id INTEGER PRIMARY KEY CHECK (id = 1), seconds INTEGER NOT NULL)`,
  // One row: the placeholders of the session with their values, sealed.
  `CREATE TABLE redactions (id INTEGER PRIMARY KEY CHECK (id = 1), json BLOB NOT NULL)`,
  // One row, once somebody has said: whether rated answers of the session may be learned from.
  `CREATE TABLE consent (id INTEGER PRIMARY KEY CHECK (id = 1), allows_training INTEGER NOT NULL)`,
  // Of answers, by the row of their message; "better" is sealed, null without another answer.
  `CREATE TABLE ratings (
     message INTEGER PRIMARY KEY,
     rating TEXT NOT NULL,
     better BLOB,
     created_at INTEGER NOT NULL
   )`,
];

export const SCHEMA_VERSION = MIGRATIONS.length;

/** Brings the database up to date; to be called inside a transaction. */
export function migrateSession(sql: SqlStorage): void {
  migrate(sql, MIGRATIONS);
}
