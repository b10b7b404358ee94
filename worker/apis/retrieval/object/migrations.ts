/** Tables of a collection's database, as a list of migrations that only ever grows. */
export const COLLECTION_MIGRATIONS: readonly string[] = [
  // One row: the properties of the collection.
  `CREATE TABLE about (id INTEGER PRIMARY KEY CHECK (id = 1), json TEXT NOT NULL);
   CREATE TABLE documents (
     number INTEGER PRIMARY KEY AUTOINCREMENT,
     id TEXT NOT NULL UNIQUE,
     metadata TEXT NOT NULL,
     n_char INTEGER NOT NULL,
     n_chunk INTEGER NOT NULL,
     created_at INTEGER NOT NULL
   );
   CREATE TABLE chunks (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     document INTEGER NOT NULL,
     -- Which of the document's, from 0; and where in the document as it was sent, in UTF-16 units.
     position INTEGER NOT NULL,
     "start" INTEGER NOT NULL,
     "end" INTEGER NOT NULL,
     heading TEXT NOT NULL,
     text TEXT NOT NULL,
     -- int8, one after the other; value = scale * int8.
     vector BLOB NOT NULL,
     scale REAL NOT NULL
   );
   CREATE INDEX chunks_of_document ON chunks (document);
   CREATE VIRTUAL TABLE chunk_text USING fts5(
     heading, text, content = 'chunks', content_rowid = 'id', tokenize = 'porter unicode61 remove_diacritics 2'
   );`,
  // Sealed passages have heading and text together in text, and their words as keyed hashes here; those of
  // earlier versions are texts, in the table above.
  `CREATE VIRTUAL TABLE chunk_words USING fts5(
     heading, text, content = '', contentless_delete = 1, tokenize = 'ascii'
   );
   CREATE INDEX chunks_in_clear ON chunks (id) WHERE typeof(text) = 'text';
   CREATE INDEX documents_in_clear ON documents (number) WHERE typeof(metadata) = 'text';`,
];
