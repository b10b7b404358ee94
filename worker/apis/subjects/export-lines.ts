/** Everything of a subject as lines of JSON. One page of rows or one chunk of a file is in memory at a time. */
import { toBase64 } from '../../../engine/base/base64.ts';
import { callerOf, objectName } from '../../platform/caller.ts';
import { documentJson, collectionJson } from '../retrieval/collection.ts';
import type { CollectionState } from '../retrieval/object/collection-object.ts';
import type { StoredChunk, StoredDocument } from '../retrieval/object/collection-store.ts';
import { headFile, openFile } from '../files/stored-file.ts';
import type { Redaction } from '../../serving/redaction/redactor.ts';
import type { SessionJson } from '../sessions/schema.ts';
import { KEPT_KIND_NAMES, KEPT_KINDS } from './kept-kinds.ts';
import type { KeptContext, KeptKindName } from './kept-kinds.ts';

export interface ExportContext extends KeptContext {
  readonly requestId: string;
}

type Line = { readonly type: string } & Readonly<Record<string, unknown>>;
type Lines = AsyncGenerator<Line, void, void>;

const PAGE_NAMES = 100;
const PAGE_DOCUMENTS = 100;
const PAGE_PASSAGES = 100;

/** Lines as UTF-8, each with its line break. */
export async function* exportLines(context: ExportContext): AsyncGenerator<Uint8Array, void, void> {
  const encoder = new TextEncoder();
  const counts: Record<string, number> = {};
  for await (const line of allLines(context)) {
    counts[line.type] = (counts[line.type] ?? 0) + 1;
    yield encoder.encode(`${JSON.stringify(line)}\n`);
  }
  yield encoder.encode(`${JSON.stringify({ type: 'end', lines: counts })}\n`);
}

async function* allLines(context: ExportContext): Lines {
  const exported_at = Math.floor(Date.now() / 1000);
  yield { type: 'subject', subject: context.subject, exported_at };
  for (const kind of KEPT_KIND_NAMES)
    for await (const name of namesOf(context, kind)) yield* LINES[kind](context, name);
}

async function* namesOf(
  context: ExportContext,
  kind: KeptKindName,
): AsyncGenerator<string, void, void> {
  for (let after = ''; ;) {
    const names = await KEPT_KINDS[kind].names(context, after, PAGE_NAMES);
    yield* names;
    const last = names.at(-1);
    if (last === undefined) return;
    after = last;
  }
}

const LINES: Readonly<Record<KeptKindName, (context: ExportContext, name: string) => Lines>> = {
  async *sessions({ env, subject }, id) {
    const session = env.SESSIONS.getByName(objectName({ subject }, id));
    let after = 0;
    for (let isFirst = true; ; isFirst = false) {
      const page = await session.page(after);
      if (page === null) return;
      if (isFirst) {
        const { allow_training, feedback } = JSON.parse(await session.readFeedback()) as Pick<
          SessionJson,
          'allow_training' | 'feedback'
        >;
        yield { type: 'session', id, allow_training };
        for (const rating of feedback) yield { type: 'rating', session: id, ...rating };
        yield* redactions(await session.readRedactions(), { session: id });
      }
      for (const json of page.messages)
        yield { type: 'message', session: id, ...(JSON.parse(json) as object) };
      if (page.last === null) return;
      after = page.last;
    }
  },
  async *responses({ env, subject }, id) {
    const response = env.RESPONSES.getByName(objectName({ subject }, id));
    const text = await response.read();
    if (text === null) return;
    yield { type: 'response', id, response: JSON.parse(text) as unknown };
    yield* redactions(await response.readRedactions(), { response: id });
    const items = JSON.parse((await response.readInput()) ?? '[]') as unknown[];
    for (const item of items) yield { type: 'response.input_item', response: id, item };
  },
  async *records({ env, subject }, id) {
    const record = env.RECORDS.getByName(objectName({ subject }, id));
    const text = await record.read();
    if (text === null) return;
    yield { type: 'record', id, record: JSON.parse(text) as unknown };
    const items = JSON.parse((await record.readItems()) ?? '[]') as unknown[];
    for (const item of items) yield { type: 'record.item', record: id, item };
  },
  async *batches({ env, subject }, id) {
    const text = await env.BATCHES.getByName(objectName({ subject }, id)).read();
    if (text !== null) yield { type: 'batch', id, batch: JSON.parse(text) as unknown };
  },
  async *collections({ env, subject }, name) {
    const stub = env.COLLECTIONS.getByName(objectName({ subject }, name));
    const state = (await stub.read()) as CollectionState | null;
    if (state === null) return;
    yield { type: 'collection', ...collectionJson(state) };
    for (let after = 0; ;) {
      const documents = (await stub.documents(after, PAGE_DOCUMENTS)) as StoredDocument[];
      for (const document of documents)
        yield { type: 'document', collection: name, ...documentJson(document) };
      const last = documents.at(-1);
      if (last === undefined) break;
      after = last.number;
    }
    for (let after = 0; ;) {
      const page = (await stub.passages(after, PAGE_PASSAGES)) as Passages;
      for (const { documentId, position, start, end, heading, text, location } of page.chunks)
        yield {
          ...{ type: 'passage', collection: name, document: documentId, chunk: position },
          ...{ start, end, heading, text, ...(location === null ? {} : { location }) },
        };
      if (page.last === null) return;
      after = page.last;
    }
  },
  async *files({ env, subject, requestId }, id) {
    const owner = callerOf(subject, requestId);
    const file = await headFile(env.FILES, owner, id);
    const stream = file === null ? null : await openFile(env, owner, id);
    if (file === null || stream === null) return;
    yield { type: 'file', ...file };
    let offset = 0;
    for await (const bytes of stream) {
      yield { type: 'file.bytes', file: id, offset, base64: toBase64(bytes) };
      offset += bytes.length;
    }
  },
};

/** What placeholders stand for. @param json of pairs */
function* redactions(json: string, place: object): Generator<Line, void, void> {
  for (const [placeholder, value] of JSON.parse(json) as Redaction[])
    yield { type: 'redaction', ...place, placeholder, value };
}

interface Passages {
  readonly chunks: readonly StoredChunk[];
  readonly last: number | null;
}
