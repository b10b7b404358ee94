/** Tables of a stored response's database, as a list of migrations that only ever grows. */
export const RESPONSE_MIGRATIONS: readonly string[] = [
  // One row: the last reported state of the response.
  `CREATE TABLE response (id INTEGER PRIMARY KEY CHECK (id = 1), json TEXT NOT NULL);
   -- What the response answers, the whole conversation before it, the oldest first.
   CREATE TABLE input_items (id INTEGER PRIMARY KEY, json TEXT NOT NULL);`,
  // One row: the placeholders of the conversation with their values, sealed.
  `CREATE TABLE redactions (id INTEGER PRIMARY KEY CHECK (id = 1), json BLOB NOT NULL)`,
  // The events of a response in the background, sealed, many in a row.
  `CREATE TABLE events (id INTEGER PRIMARY KEY, json BLOB NOT NULL)`,
];
