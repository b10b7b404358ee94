/**
 * The events of a response in the background, for clients that read them from the beginning or from where they were
 * cut off: in memory while it is made, and stored when it is over.
 */
import { openText } from '../../access/content/content-box.ts';
import type { ContentBox } from '../../access/content/content-box.ts';
import { migrate, readSchemaVersion } from '../../platform/storage/migrate.ts';
import { utf8Bytes } from '../../platform/storage/row-size.ts';
import { RESPONSE_MIGRATIONS } from './migrations.ts';
import type { ResponseEventJson } from './schema.ts';

/** Most bytes of events that are stored; a context of tokens with twenty log-probabilities each has fewer. */
const MAX_LOG_BYTES = 16_000_000;
/** Bytes of a row, from which another one begins. */
const ROW_BYTES = 500_000;
const eventsPlace = (id: number): string => `events/${id}`;

export class EventLog {
  readonly #events: ResponseEventJson[];
  #isOver: boolean;
  #changed = Promise.withResolvers<void>();

  /** @param stored all events of a response that is over; absent for one that begins */
  constructor(stored?: readonly ResponseEventJson[]) {
    this.#events = [...(stored ?? [])];
    this.#isOver = stored !== undefined;
  }

  get events(): readonly ResponseEventJson[] {
    return this.#events;
  }

  push(event: ResponseEventJson): void {
    this.#events.push(event);
    this.#tell();
  }

  end(): void {
    this.#isOver = true;
    this.#tell();
  }

  /** Events with numbers above `after`, as they come. */
  async *follow(after: number): AsyncGenerator<ResponseEventJson, void, void> {
    // Numbers are places in the list.
    for (let next = after + 1; ;) {
      const event = this.#events[next];
      if (event !== undefined) {
        next++;
        yield event;
      } else if (this.#isOver) {
        return;
      } else {
        await this.#changed.promise;
      }
    }
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

/** Nothing is stored of events that are too large together. */
export async function writeEvents(
  storage: DurableObjectStorage,
  box: ContentBox,
  events: readonly ResponseEventJson[],
  isWanted: () => boolean,
): Promise<void> {
  const rows: string[][] = [];
  let rowBytes = Infinity;
  let bytes = 0;
  for (const event of events) {
    const json = JSON.stringify(event);
    const size = utf8Bytes(json);
    if (rowBytes + size > ROW_BYTES) {
      rows.push([]);
      rowBytes = 0;
    }
    rows.at(-1).push(json);
    rowBytes += size;
    bytes += size;
  }
  if (bytes > MAX_LOG_BYTES) return;
  const key = await box.writingKey();
  const sealed: ArrayBuffer[] = [];
  for (const [i, row] of rows.entries())
    sealed.push(await box.sealWith(key, eventsPlace(i), `[${row.join(',')}]`));
  if (!isWanted()) return;
  const { sql } = storage;
  storage.transactionSync(() => {
    migrate(sql, RESPONSE_MIGRATIONS);
    sql.exec('DELETE FROM events');
    for (const [i, json] of sealed.entries())
      sql.exec('INSERT INTO events (id, json) VALUES (?, ?)', i, json);
  });
}

/** Null where no events are stored. */
export async function readEvents(
  { sql }: DurableObjectStorage,
  box: ContentBox | null,
): Promise<ResponseEventJson[] | null> {
  if (readSchemaVersion(sql) < RESPONSE_MIGRATIONS.length) return null;
  const rows = sql.exec('SELECT id, json FROM events ORDER BY id').toArray();
  const events: ResponseEventJson[] = [];
  for (const { id, json } of rows) {
    const text = await openText(box, eventsPlace(Number(id)), json!);
    if (text === null) return null;
    events.push(...(JSON.parse(text) as ResponseEventJson[]));
  }
  return events.length === 0 ? null : events;
}
