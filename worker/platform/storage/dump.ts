/**
 * Everything that a Durable Object keeps, as lines of JSON, and back: the statements of its tables, their rows, the
 * key-value pairs, the alarm. Tables of a full-text index are derived and cannot be written to: an index over a table
 * is made again from it. Bytes are base64; sealed content stays sealed.
 */
import { z } from 'zod';
import { fromBase64, toBase64 } from '../../../engine/base/base64.ts';
import { EngineError } from '../../../engine/base/errors.ts';

const cell = z.union([z.string(), z.number(), z.null(), z.strictObject({ base64: z.string() })]);
const lineSchema = z.union([
  /** A table, before its rows. */
  z.strictObject({ create: z.string() }),
  z.strictObject({
    rows: z.string(),
    columns: z.array(z.string()).min(1),
    values: z.array(z.array(cell)),
  }),
  /** A full-text index: made, and filled from the table that it is over, unless that is null. */
  z.strictObject({ index: z.string(), create: z.string(), over: z.string().nullable() }),
  z.strictObject({ pairs: z.array(z.tuple([z.string(), z.json()])) }),
  z.strictObject({ alarmMs: z.number() }),
  /** The last line; whether the object was written to in the meantime. */
  z.strictObject({ end: z.literal(true), isChanged: z.boolean() }),
]);

export type DumpLine = z.output<typeof lineSchema>;
type Cell = z.output<typeof cell>;

/** What a line holds at most, besides a single larger row. */
const LINE_BYTES = 256 * 1024;
const ROWS_PER_QUERY = 64;
const SEQUENCES = 'sqlite_sequence';
/** Tables of the platform's and of the database's own. */
const OWN_TABLES = /^(_cf_|sqlite_)/;
const CREATES = /^CREATE\s+(UNIQUE\s+)?(TABLE|INDEX|TRIGGER|VIEW|VIRTUAL\s+TABLE)\s/i;
const OVER_TABLE = /\bcontent\s*=\s*'([^']+)'/i;

interface TableInfo {
  readonly name: string;
  readonly sql: string;
  readonly isVirtual: boolean;
  readonly hasRowId: boolean;
}

/** @throws {EngineError} E_REQUEST_INVALID for what is no line of a dump */
export function parseDumpLine(text: string): DumpLine {
  const parsed = lineSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw wrongLine(text);
}

/** The object's lines; rows are read as they are asked for. */
export async function* dumpStorage(storage: DurableObjectStorage): AsyncGenerator<DumpLine> {
  const { sql } = storage;
  const changesBefore = changesOf(sql);
  const tables = tablesOf(sql);
  for (const { sql: create, isVirtual } of tables) if (!isVirtual) yield { create };
  for (const table of tables) if (!table.isVirtual) yield* rowsOf(sql, table);
  if (hasTable(sql, SEQUENCES))
    yield* rowsOf(sql, { name: SEQUENCES, sql: '', isVirtual: false, hasRowId: true });
  for (const { sql: create } of othersOf(sql)) yield { create };
  for (const { name, sql: create, isVirtual } of tables)
    if (isVirtual) yield { index: name, create, over: OVER_TABLE.exec(create)?.[1] ?? null };
  const pairs = [...(await storage.list())] as [string, z.core.util.JSONType][];
  if (pairs.length > 0) yield { pairs };
  const alarmMs = await storage.getAlarm();
  if (alarmMs !== null) yield { alarmMs };
  yield { end: true, isChanged: changesOf(sql) !== changesBefore };
}

/** Applies a line to a storage that was empty before the first. */
export async function loadLine(storage: DurableObjectStorage, line: DumpLine): Promise<void> {
  const { sql } = storage;
  if ('rows' in line) storage.transactionSync(() => insertRows(sql, line));
  else if ('index' in line)
    storage.transactionSync(() => {
      create(sql, line.create);
      const name = quoted(line.index);
      if (line.over !== null && line.over !== '')
        sql.exec(`INSERT INTO ${name} (${name}) VALUES ('rebuild')`);
    });
  else if ('create' in line) create(sql, line.create);
  else if ('pairs' in line) await storage.put(Object.fromEntries(line.pairs));
  else if ('alarmMs' in line) await storage.setAlarm(line.alarmMs);
}

function create(sql: SqlStorage, statement: string): void {
  if (!CREATES.test(statement)) throw wrongLine(statement);
  sql.exec(statement);
}

function insertRows(
  sql: SqlStorage,
  { rows: table, columns, values }: Extract<DumpLine, { rows: string }>,
): void {
  const names = columns.map(quoted).join(', ');
  const places = columns.map(() => '?').join(', ');
  const statement = `INSERT INTO ${quoted(table)} (${names}) VALUES (${places})`;
  // The database has noted the largest ids by itself while the rows came in.
  if (table === SEQUENCES) sql.exec(`DELETE FROM ${SEQUENCES}`);
  for (const row of values) {
    if (row.length !== columns.length) throw wrongLine(JSON.stringify(row));
    sql.exec(statement, ...row.map(fromCell));
  }
}

function* rowsOf(sql: SqlStorage, { name, hasRowId }: TableInfo): Generator<DumpLine> {
  let columns: string[] = [];
  let values: Cell[][] = [];
  let nBytes = 0;
  const take = (): DumpLine => {
    const line = { rows: name, columns, values };
    [values, nBytes] = [[], 0];
    return line;
  };
  for (const row of pagesOf(sql, name, hasRowId)) {
    columns = row.columns;
    const cells = row.values.map(toCell);
    values.push(cells);
    nBytes += JSON.stringify(cells).length;
    if (nBytes >= LINE_BYTES) yield take();
  }
  if (values.length > 0) yield take();
}

interface Row {
  readonly columns: string[];
  readonly values: SqlStorageValue[];
}

/** Page by page: the object may be asked something else between two of them. */
function* pagesOf(sql: SqlStorage, name: string, hasRowId: boolean): Generator<Row> {
  const from = `FROM ${quoted(name)}`;
  let last: SqlStorageValue = null;
  for (let n = 0; ; n += ROWS_PER_QUERY) {
    const cursor: SqlStorageCursor<Record<string, SqlStorageValue>> = hasRowId
      ? sql.exec(
          `SELECT rowid, * ${from} WHERE ? IS NULL OR rowid > ? ORDER BY rowid LIMIT ?`,
          ...[last, last, ROWS_PER_QUERY],
        )
      : sql.exec(`SELECT * ${from} LIMIT ? OFFSET ?`, ROWS_PER_QUERY, n);
    const columns = cursor.columnNames.slice(hasRowId ? 1 : 0);
    const rows: SqlStorageValue[][] = [...cursor.raw()];
    for (const row of rows) yield { columns, values: hasRowId ? row.slice(1) : row };
    if (rows.length < ROWS_PER_QUERY) return;
    last = rows.at(-1)[0] ?? null;
  }
}

function tablesOf(sql: SqlStorage): TableInfo[] {
  const statements = new Map(
    sql
      .exec<{ name: string; sql: string }>(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table'",
      )
      .toArray()
      .map((row) => [row.name, row.sql]),
  );
  return sql
    .exec<{ name: string; type: string; wr: number }>('PRAGMA table_list')
    .toArray()
    .filter(({ name, type }) => type !== 'shadow' && !OWN_TABLES.test(name))
    .flatMap(({ name, type, wr }) => {
      const statement = statements.get(name);
      if (statement === undefined) return [];
      return [{ name, sql: statement, isVirtual: type === 'virtual', hasRowId: wr === 0 }];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Indices, triggers and views; those that a table makes by itself have no statement. */
function othersOf(sql: SqlStorage): { sql: string }[] {
  return sql
    .exec<{ sql: string }>(
      "SELECT sql FROM sqlite_master WHERE type <> 'table' AND sql IS NOT NULL ORDER BY rowid",
    )
    .toArray();
}

function hasTable(sql: SqlStorage, name: string): boolean {
  return sql.exec('SELECT 1 FROM sqlite_master WHERE name = ?', name).toArray().length > 0;
}

function changesOf(sql: SqlStorage): number {
  return Number(sql.exec('SELECT total_changes() AS n').one()['n']);
}

function toCell(value: SqlStorageValue): Cell {
  if (!(value instanceof ArrayBuffer)) return value;
  return { base64: toBase64(new Uint8Array(value)) };
}

function fromCell(value: Cell): SqlStorageValue {
  if (typeof value !== 'object' || value === null) return value;
  const bytes = fromBase64(value.base64);
  if (bytes === null) throw wrongLine(value.base64);
  return bytes.buffer;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function wrongLine(text: string): EngineError {
  return new EngineError(
    'E_REQUEST_INVALID',
    `backup: expected a line of a dump, got ${JSON.stringify(text.slice(0, 80))}. Send what thimble backup has written.`,
  );
}
