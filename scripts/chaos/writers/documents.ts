/** Documents of collections, added, replaced and deleted: with all their passages, once, or not there. */
import { isRefusal, readSurely, wasMade } from '../writer.ts';
import type { Writer, WriterContext } from '../writer.ts';

interface Version {
  readonly word: string;
  /** As they are counted: in UTF-16 units. */
  readonly nChar: number;
  /** Null for a version that was not acknowledged. */
  readonly nChunk: number | null;
}

interface DocumentNotes {
  readonly id: string;
  /** The last that was acknowledged, and those after it that may have been made. */
  versions: Version[];
  deleted: 'no' | 'perhaps' | 'yes';
  isFresh: boolean;
}

interface CollectionNotes {
  readonly name: string;
  readonly documents: DocumentNotes[];
  /** Whether its creation was acknowledged. */
  isKnown: boolean;
}

interface DocumentJson {
  readonly id: string;
  readonly characters: number;
  readonly chunks: number;
}

interface AddedJson {
  readonly status: string;
  readonly chunks: number;
}

const MAX_DOCUMENTS = 40;
const MAX_PASSAGES = 6;
/** What a write does, by parts of all. */
const REPLACED_PART = 0.25;
const DELETED_PART = 0.15;

export class DocumentWriter implements Writer {
  readonly name = 'documents';
  nAcknowledged = 0;
  readonly #context: WriterContext;
  readonly #collections: CollectionNotes[] = [];

  constructor(context: WriterContext) {
    this.#context = context;
  }

  async write(): Promise<void> {
    const { random } = this.#context;
    const last = this.#collections.at(-1);
    if (last === undefined || last.documents.length >= MAX_DOCUMENTS) return await this.#create();
    if (!last.isKnown) return await this.#createAgain(last);
    const there = last.documents.find(({ deleted }) => deleted === 'no');
    const draw = random.next();
    if (there !== undefined && draw < DELETED_PART) return await this.#delete(last, there);
    if (there !== undefined && draw < DELETED_PART + REPLACED_PART)
      return await this.#put(last, there);
    const id = `document ${last.documents.length}`;
    const fresh: DocumentNotes = { id, versions: [], deleted: 'no', isFresh: true };
    last.documents.push(fresh);
    await this.#put(last, fresh);
  }

  async check(all: boolean): Promise<string[]> {
    const problems: string[] = [];
    for (const collection of this.#collections) {
      const isFresh = collection.documents.some((document) => document.isFresh);
      if (collection.isKnown && (all || isFresh))
        problems.push(...(await this.#checkCollection(collection)));
    }
    return problems;
  }

  async #create(): Promise<void> {
    const name = `chaos-${this.#context.number}-${this.#collections.length}`;
    const collection: CollectionNotes = { name, documents: [], isKnown: false };
    this.#collections.push(collection);
    await this.#createAgain(collection);
  }

  async #createAgain(collection: CollectionNotes): Promise<void> {
    const { client, encoder } = this.#context;
    const body = { name: collection.name, model: encoder, chunk_tokens: 16 };
    const answer = await client.ask('/v1/collections', body);
    // It exists already where an earlier try had no answer.
    const isThere = answer.status === 400 && answer.text.includes('exists already');
    if (!isThere && !wasMade(answer, 'collection')) return;
    collection.isKnown = true;
    this.nAcknowledged++;
  }

  async #put({ name }: CollectionNotes, document: DocumentNotes): Promise<void> {
    const { client, random } = this.#context;
    const word = random.word();
    const passages = random.integer(1, MAX_PASSAGES);
    const content = `${word} the sea is blue and the bread is warm. `.repeat(passages * 2).trim();
    const version: Version = { word, nChar: content.length, nChunk: null };
    document.isFresh = true;
    document.versions.push(version);
    const answer = await client.ask(`/v1/collections/${name}/documents`, {
      documents: [{ id: document.id, content, metadata: { id: document.id } }],
    });
    if (!wasMade(answer, 'document')) {
      document.versions.pop();
      return;
    }
    const [added] = (JSON.parse(answer.text) as { data: AddedJson[] }).data;
    // One that failed says so, and may be asked for again.
    if (added === undefined || !['added', 'replaced'].includes(added.status)) return;
    document.versions = [{ ...version, nChunk: added.chunks }];
    document.deleted = 'no';
    this.nAcknowledged++;
  }

  async #delete({ name }: CollectionNotes, document: DocumentNotes): Promise<void> {
    document.isFresh = true;
    document.deleted = 'perhaps';
    const path = `/v1/collections/${name}/documents/${encodeURIComponent(document.id)}`;
    const answer = await this.#context.client.ask(path, undefined, 'DELETE');
    if (isRefusal(answer)) document.deleted = 'no';
    // 404: nothing of it had been acknowledged.
    else if (answer.status === 404 || wasMade(answer, 'deletion of a document')) {
      document.deleted = 'yes';
      this.nAcknowledged++;
    }
  }

  async #checkCollection({ name, documents }: CollectionNotes): Promise<string[]> {
    const { client } = this.#context;
    const { status, text } = await readSurely(client, `/v1/collections/${name}/documents`);
    if (status !== 200) return [`collection ${name}: answers ${status}`];
    const { data } = JSON.parse(text) as { data: DocumentJson[] };
    const problems: string[] = [];
    for (const document of documents) {
      const there = data.filter(({ id }) => id === document.id);
      const what = `document ${name}/${document.id}`;
      if (there.length > 1) problems.push(`${what}: is there ${there.length} times`);
      problems.push(...(await this.#checkDocument(name, document, there[0])));
      document.isFresh = false;
    }
    const known = new Set(documents.map(({ id }) => id));
    const foreign = data.filter(({ id }) => !known.has(id));
    return [...problems, ...foreign.map(({ id }) => `document ${name}/${id}: is of nobody`)];
  }

  async #checkDocument(
    collection: string,
    document: DocumentNotes,
    there: DocumentJson | undefined,
  ): Promise<string[]> {
    const { id, versions, deleted } = document;
    const what = `document ${collection}/${id}`;
    if (there === undefined) {
      if (deleted === 'perhaps') document.deleted = 'yes';
      const isLost = deleted === 'no' && versions.some(({ nChunk }) => nChunk !== null);
      return isLost ? [`${what}: is lost`] : [];
    }
    if (deleted === 'yes') return [`${what}: is there after it was deleted`];
    document.deleted = 'no';
    const version = versions.find(({ nChar, nChunk }) =>
      nChunk === null ? nChar === there.characters : nChunk === there.chunks,
    );
    if (version === undefined) return [`${what}: has ${there.chunks} passages, of no version`];
    if (!document.isFresh) return [];
    const nFound = await this.#countPassages(collection, id, versions);
    if (typeof nFound === 'string') return [`${what}: ${nFound}`];
    // Its counts and its passages are written together.
    return nFound === there.chunks
      ? []
      : [`${what}: says ${there.chunks} passages, and ${nFound} are found`];
  }

  /** @returns how many are found, or what is wrong */
  async #countPassages(
    collection: string,
    documentId: string,
    versions: readonly Version[],
  ): Promise<number | string> {
    // Every passage has one of these.
    const query = ['sea', 'blue', 'bread', 'warm', ...versions.map(({ word }) => word)].join(' ');
    const filter = { id: documentId };
    const { status, text } = await readSurely(
      this.#context.client,
      `/v1/collections/${collection}/search`,
      { query, filter, mode: 'text', top_k: 100 },
    );
    if (status !== 200) return `its search answers ${status} ${text.slice(0, 200)}`;
    const { data } = JSON.parse(text) as { data: { document: string }[] };
    return data.filter(({ document }) => document === documentId).length;
  }
}
