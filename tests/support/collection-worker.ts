/** A collection's rows of which an earlier version wrote some in the clear, without HTTP and models around them. */
import { DurableObject } from 'cloudflare:workers';
import { ContentBox } from '../../worker/access/content/content-box.ts';
import type { ContentEnv } from '../../worker/access/content/content-keys.ts';
import { CollectionStore } from '../../worker/apis/retrieval/object/collection-store.ts';
import type { CollectionAbout } from '../../worker/apis/retrieval/object/collection-store.ts';
import { COLLECTION_MIGRATIONS } from '../../worker/apis/retrieval/object/migrations.ts';
import { WordHasher } from '../../worker/apis/retrieval/object/words.ts';
import { migrate } from '../../worker/platform/storage/migrate.ts';

export { SubjectKeyObject } from '../../worker/access/content/subject-key-object.ts';

interface Env extends ContentEnv {
  readonly COLLECTIONS: DurableObjectNamespace<OldCollection>;
}

const OWNER = { subject: 'ada', requestId: 'none' };
const ABOUT: CollectionAbout = {
  ...{ name: 'notes', key: 'k', model: 'm', nEmbd: 2, chunkTokens: 9, createdAtMs: 0 },
};
const OLD = { id: 'old', text: 'sea, sea, sea' };
const FILLER = 'one two three four five six seven eight nine ten';

const documentOf = (id: string, text: string) => ({
  ...{ id, metadata: { about: id }, nChar: text.length },
  chunks: [
    {
      start: 0,
      end: text.length,
      heading: '',
      location: null,
      text,
      vector: Float32Array.of(1, 0),
    },
  ],
});

/** Lets others go first once something is sealed. */
class LateBox extends ContentBox {
  readonly #first: () => Promise<void>;

  constructor(env: ContentEnv, first: () => Promise<void>) {
    super(env, OWNER, 'collection', 'notes');
    this.#first = first;
  }

  override async sealWith(
    ...args: Parameters<ContentBox['sealWith']>
  ): ReturnType<ContentBox['sealWith']> {
    const sealed = await super.sealWith(...args);
    await this.#first();
    return sealed;
  }
}

export class OldCollection extends DurableObject<Env> {
  readonly #store = new CollectionStore(this.ctx.storage);
  readonly #box = new ContentBox(this.env, OWNER, 'collection', 'notes');

  /** @returns the documents that a search finds, the best first, and how many passages are in the clear after it */
  async ranking(): Promise<{ found: string[]; nClear: number }> {
    this.#writeOld();
    const hasher = new WordHasher(await this.#box.writingKey());
    // The row of the earlier version is written again in the clear after these.
    for (let i = 0; i < 5; i++)
      await this.#put(hasher, `new-${i}`, `${FILLER} ${FILLER} sea ${FILLER}`);
    this.#store.remove(OLD.id);
    this.#writeOld();
    const scored = await this.#store.searchText({ box: this.#box, hasher }, 'sea', 10);
    const chunks = await this.#store.chunks(
      this.#box,
      scored.map(({ chunk }) => chunk),
    );
    const { n } = this.#sql
      .exec("SELECT count(*) AS n FROM chunks WHERE typeof(text) = 'text'")
      .one();
    return {
      found: scored.map(({ chunk }) => chunks.get(chunk)?.documentId ?? 'none'),
      nClear: Number(n),
    };
  }

  /** @returns whether the row that another request sealed stayed as it was, and its opened metadata */
  async race(): Promise<{ isSame: boolean; about: string }> {
    this.#writeOld();
    const hasher = new WordHasher(await this.#box.writingKey());
    let sealed: string | null = null;
    const first = async (): Promise<void> => {
      if (sealed !== null) return;
      sealed = '';
      await this.#put(hasher, 'faster', 'blue');
      sealed = this.#metadata();
    };
    await this.#store.put(new LateBox(this.env, first), hasher, documentOf('slower', 'grey'));
    const document = await new CollectionStore(this.ctx.storage).document(this.#box, OLD.id);
    return { isSame: this.#metadata() === sealed, about: String(document?.metadata['about']) };
  }

  /** @returns code of the error when the collection is deleted while its rows are sealed */
  async deleted(): Promise<string> {
    this.#writeOld();
    const hasher = new WordHasher(await this.#box.writingKey());
    const late = new LateBox(this.env, () => this.ctx.storage.deleteAll());
    try {
      await this.#store.put(late, hasher, documentOf('late', 'grey'));
      return 'none';
    } catch (error) {
      return (error as { code?: string }).code ?? String(error);
    }
  }

  #put(hasher: WordHasher, id: string, text: string): Promise<object> {
    return this.#store.put(this.#box, hasher, documentOf(id, text));
  }

  /** What the version before sealing wrote. */
  #writeOld(): void {
    if (this.#store.about() === null) {
      migrate(this.#sql, COLLECTION_MIGRATIONS.slice(0, 1));
      this.#sql.exec('INSERT INTO about VALUES (1, ?)', JSON.stringify(ABOUT));
    }
    const { number } = this.#sql
      .exec(
        'INSERT INTO documents (id, metadata, n_char, n_chunk, created_at) VALUES (?, ?, 1, 1, 0) RETURNING number',
        ...[OLD.id, JSON.stringify({ about: OLD.id })],
      )
      .one();
    const { id } = this.#sql
      .exec(
        'INSERT INTO chunks (document, position, "start", "end", heading, text, vector, scale) ' +
          "VALUES (?, 0, 0, 1, '', ?, ?, 1) RETURNING id",
        ...[number!, OLD.text, new ArrayBuffer(2)],
      )
      .one();
    this.#sql.exec(
      "INSERT INTO chunk_text (rowid, heading, text) VALUES (?, '', ?)",
      id!,
      OLD.text,
    );
  }

  #metadata(): string {
    const row = this.#sql.exec('SELECT metadata FROM documents WHERE id = ?', OLD.id).one();
    return new Uint8Array(row['metadata'] as ArrayBuffer).join();
  }

  get #sql(): SqlStorage {
    return this.ctx.storage.sql;
  }
}

export default {
  async fetch(_request: Request, env: Env): Promise<Response> {
    const collection = (name: string) => env.COLLECTIONS.getByName(name);
    return Response.json({
      ranking: await collection('a').ranking(),
      race: await collection('b').race(),
      deleted: await collection('c').deleted(),
    });
  },
};
