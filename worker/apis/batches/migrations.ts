/** Tables of a batch's database, as a list of migrations that only ever grows. */
export const BATCH_MIGRATIONS: readonly string[] = [
  // One row: the batch and its progress.
  `CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), json TEXT NOT NULL);
   -- Lines of the result files until these are written, in pieces that fit a row. is_error: which file.
   CREATE TABLE results (
     line INTEGER NOT NULL,
     piece INTEGER NOT NULL,
     is_error INTEGER NOT NULL,
     bytes BLOB NOT NULL,
     PRIMARY KEY (line, piece)
   );
   CREATE INDEX results_of_file ON results (is_error, line) WHERE piece = 0;
   -- Which line has an id: the first.
   CREATE TABLE custom_ids (custom_id TEXT PRIMARY KEY, line INTEGER NOT NULL);`,
  // Whether the bytes of a piece are sealed.
  'ALTER TABLE results ADD COLUMN is_sealed INTEGER NOT NULL DEFAULT 0',
];
