/** Adds documents to a collection: text, passages, vectors. Each may fail without the others. */
import { toLengthOne } from '../../../../engine/model/encoder/pooling.ts';
import { inTurns } from '../../../../engine/base/turns.ts';
import type { Steps } from '../../../../engine/base/turns.ts';
import { takeTurn } from '../../../platform/turns.ts';
import { invalidField } from '../../../platform/invalid-field.ts';
import type { Caller } from '../../../platform/caller.ts';
import { throwIfLeft } from '../../../platform/client.ts';
import type { Client } from '../../../platform/client.ts';
import { unwrap } from '../../../platform/rpc.ts';
import type { RpcAnswer } from '../../../platform/rpc.ts';
import { recordForClient } from '../../../http/error-response.ts';
import { SECTION_BREAK } from '../../../documents/sections.ts';
import { chunkSectionsSteps, plainTextSteps } from './chunk-document.ts';
import type { Chunk } from './chunk-document.ts';
import type { ContentType } from './document-text.ts';
import type { OpenDocument } from './open-document.ts';
import { redactDocument } from './redact-documents.ts';
import { redactedHeaders } from '../../../serving/redaction/redact-request.ts';
import type { Redactor } from '../../../serving/redaction/redactor.ts';
import { embedPictures } from '../../../serving/embedding/embed-pictures.ts';
import { embed } from '../../../serving/embedding/embed.ts';
import type { EncoderModel } from '../../../serving/embedding/find-encoder.ts';
import { textIds } from '../../../serving/embedding/text-ids.ts';
import type { RetrievalEnv } from '../env.ts';
import type { Collection } from '../collection.ts';

/** A document that is to be added: its text is only in memory when its turn has come. */
export interface DocumentSource {
  readonly id: string;
  /** Paths of the document and of its content in the request, such as `documents[0].content`. */
  readonly name: string;
  readonly contentName: string;
  /** @throws {EngineError} E_REQUEST_INVALID */
  readonly open: () => Promise<OpenDocument>;
}

export interface AddedJson {
  readonly id: string;
  readonly status: 'added' | 'replaced' | 'failed';
  readonly chunks: number;
  readonly error?: { readonly code: string; readonly message: string };
}

/** A document's passages, and the token ids that are embedded for them. */
interface Prepared {
  readonly document: OpenDocument;
  readonly chunks: readonly Chunk[];
  /** None of a picture without a caption. */
  readonly ids: readonly number[][];
  /** Vector of a picture, which is one passage. */
  readonly seen: Float32Array | null;
}

/** Passages whose marks are taken out before others have a turn. */
const TEXTS_A_STEP = 256;
/** Vectors per call of the collection's object: some megabytes. */
const CALL_CHUNKS = 512;

/** Results of the documents, in their order. @throws {EngineError} E_ABORTED */
export async function addDocuments(
  env: RetrievalEnv,
  caller: Caller,
  collection: Collection,
  model: EncoderModel,
  documents: readonly DocumentSource[],
  redactor: Redactor | null,
  client: Client,
): Promise<AddedJson[]> {
  const added = new Array<AddedJson>(documents.length);
  let waiting: { readonly at: number; readonly prepared: Prepared }[] = [];
  const { signal } = client;
  let nOpen = documents.length;
  // What was redacted is said in the answer's headers: it is known when the last document has been read.
  const accept = (): void => {
    if (redactor === null || nOpen === 0) client.accept?.({ headers: redactedHeaders(redactor) });
  };
  const flush = async (): Promise<void> => {
    const answers = await putAll(env, caller, collection, model, waiting, { signal, accept });
    for (const [k, { at }] of waiting.entries()) added[at] = answers[k]!;
    waiting = [];
  };
  for (const [at, document] of documents.entries()) {
    throwIfLeft(signal);
    try {
      const redacted = await redactDocument(redactor, await document.open());
      const prepared =
        redacted.picture === undefined
          ? await prepare(collection, model, redacted, document, signal)
          : await preparePicture(env, caller, model, redacted, document, signal);
      waiting.push({ at, prepared });
    } catch (error) {
      added[at] = failed(document.id, error, caller);
    }
    nOpen--;
    if (waiting.reduce((sum, { prepared }) => sum + prepared.ids.length, 0) >= CALL_CHUNKS)
      await flush();
  }
  await flush();
  return added;
}

/** @throws {EngineError} E_REQUEST_INVALID naming the document. */
async function prepare(
  { about }: Collection,
  model: EncoderModel,
  document: OpenDocument,
  { name, contentName }: DocumentSource,
  signal: AbortSignal,
): Promise<Prepared> {
  const { sections, type } = document;
  const { tokenizer } = model;
  const count = function* (text: string): Steps<number> {
    return (yield* tokenizer.encodeSteps(text, { special: false })).length;
  };
  const steps = chunkSectionsSteps(sections, type, about.chunkTokens, count);
  const turn = async (): Promise<void> => {
    await takeTurn();
    throwIfLeft(signal);
  };
  const chunks = await inTurns(steps, turn);
  if (chunks.length === 0) throw invalidField(contentName, 'has no text; expected some');
  const texts = await inTurns(textsOf(chunks, type), turn);
  const ids = await textIds(model, texts, {
    inputType: 'document',
    // Chunks fit; with their headings they may be too long.
    truncate: true,
    nameOf: () => name,
  });
  return { document, chunks, ids, seen: null };
}

/**
 * A picture is one passage, whose text is its caption, or its id: words find it, and answers name it.
 * @throws {EngineError} E_REQUEST_INVALID, E_IMAGE_INVALID naming the document; as `embedPictures`
 */
async function preparePicture(
  env: RetrievalEnv,
  caller: Caller,
  model: EncoderModel,
  document: OpenDocument,
  { name, contentName }: DocumentSource,
  signal: AbortSignal,
): Promise<Prepared> {
  const { id, picture, sections } = document;
  const { text: caption, location } = sections[0]!;
  const image = { param: contentName, open: () => Promise.resolve(picture!) };
  const [seen] = await embedPictures(env, caller, model, [image], signal);
  const ids =
    caption === ''
      ? []
      : await textIds(model, [caption], {
          ...{ inputType: 'document', truncate: true, nameOf: () => `${name}.caption` },
        });
  const text = caption === '' ? id : caption;
  const chunk = { start: 0, end: caption.length, heading: '', text, location };
  return { document, chunks: [chunk], ids, seen: seen! };
}

/** Vectors of a document's passages: of a picture with a caption half of each, so that either is found. */
function vectorsOf(
  { seen }: Pick<Prepared, 'seen'>,
  ofTexts: readonly Float32Array[],
): readonly Float32Array[] {
  if (seen === null) return ofTexts;
  const [caption] = ofTexts;
  return [caption === undefined ? seen : toLengthOne(seen.map((x, i) => x + caption[i]!))];
}

/** What is embedded of passages. */
function* textsOf(chunks: readonly Chunk[], type: ContentType): Steps<string[]> {
  const texts: string[] = [];
  for (const { heading, text } of chunks) {
    if (texts.length % TEXTS_A_STEP === TEXTS_A_STEP - 1) yield;
    const plain = yield* plainTextSteps(text, type);
    texts.push([heading, plain].filter((part) => part !== '').join('\n'));
  }
  return texts;
}

/** Embeds and stores several documents, whose texts share passes of the model. */
async function putAll(
  env: RetrievalEnv,
  caller: Caller,
  { stub }: Collection,
  model: EncoderModel,
  waiting: readonly { readonly prepared: Prepared }[],
  client: Client,
): Promise<AddedJson[]> {
  if (waiting.length === 0) return [];
  try {
    const vectors = await embed(
      env,
      caller,
      model,
      waiting.flatMap(({ prepared }) => prepared.ids),
      client,
    );
    let at = 0;
    const stored = waiting.map(({ prepared }) => {
      const { document, chunks, ids } = prepared;
      const own = vectorsOf(prepared, vectors.slice(at, (at += ids.length)));
      return {
        id: document.id,
        metadata: document.metadata,
        nChar: textLength(document),
        chunks: chunks.map((chunk, i) => ({ ...chunk, vector: own[i]! })),
      };
    });
    // RPC's types lose the shape of an answer.
    const asked: PromiseLike<unknown> = stub.putAll(
      { requestId: caller.requestId, subject: caller.subject },
      stored,
    );
    const answers = await asked;
    return (answers as readonly unknown[]).map((answer, k) => {
      const { id, chunks } = stored[k]!;
      try {
        const { replaced } = unwrap(answer as RpcAnswer<{ replaced: boolean }>);
        return { id, status: replaced ? 'replaced' : 'added', chunks: chunks.length };
      } catch (error) {
        return failed(id, error, caller);
      }
    });
  } catch (error) {
    return waiting.map(({ prepared }) => failed(prepared.document.id, error, caller));
  }
}

/** As positions in the document count. */
function textLength({ sections }: OpenDocument): number {
  const n = sections.reduce((sum, { text }) => sum + text.length + SECTION_BREAK.length, 0);
  return n - SECTION_BREAK.length;
}

function failed(id: string, error: unknown, { requestId }: Caller): AddedJson {
  const place = { place: 'gateway.addDocuments', requestId };
  const { code, message } = recordForClient(error, place);
  if (code === 'E_ABORTED') throw error;
  return { id, status: 'failed', chunks: 0, error: { code, message } };
}
