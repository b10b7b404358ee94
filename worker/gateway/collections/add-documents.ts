/** Documents into a collection: text, passages, vectors; each on its own, so that one fault is one. */
import { EngineError, errorToRecord, throwIfAborted } from '../../../engine/base/errors.ts';
import { chunkDocument } from '../../collections/chunk-document.ts';
import { isBinary } from '../../collections/document-text.ts';
import type { ContentType } from '../../collections/document-text.ts';
import type { Metadata } from '../../collections/filter.ts';
import { embed } from '../embedding/embed.ts';
import type { EncoderModel } from '../embedding/find-encoder.ts';
import { textIds } from '../embedding/text-ids.ts';
import type { GatewayEnv } from '../env.ts';
import { answerOf } from './collection.ts';
import type { Collection } from './collection.ts';

export interface IncomingDocument {
  readonly id: string;
  readonly content: string;
  readonly content_type: ContentType;
  readonly metadata: Metadata;
}

export interface AddedJson {
  readonly id: string;
  readonly status: 'added' | 'replaced' | 'failed';
  readonly chunks: number;
  readonly error?: { readonly code: string; readonly message: string };
}

/** What became of each document, in their order. @throws {EngineError} E_ABORTED */
export async function addDocuments(
  env: GatewayEnv,
  collection: Collection,
  model: EncoderModel,
  documents: readonly IncomingDocument[],
  signal: AbortSignal,
): Promise<AddedJson[]> {
  const added: AddedJson[] = [];
  for (const [i, document] of documents.entries()) {
    throwIfAborted(signal, 'request: the client went away.');
    added.push(
      await addDocument(env, collection, model, document, `documents[${i}]`, signal).catch(
        (error: unknown) => failed(document.id, error),
      ),
    );
  }
  return added;
}

async function addDocument(
  env: GatewayEnv,
  { stub, state }: Collection,
  model: EncoderModel,
  { id, content, content_type, metadata }: IncomingDocument,
  name: string,
  signal: AbortSignal,
): Promise<AddedJson> {
  if (isBinary(content))
    throw invalid(name, 'is no text but bytes of something else; expected text.');
  const { tokenizer } = model;
  const count = (text: string) => tokenizer.encode(text, { special: false }).length;
  const chunks = chunkDocument(content, content_type, state.about.chunkTokens, count);
  if (chunks.length === 0) throw invalid(name, 'has no text; expected some.');
  const texts = chunks.map(({ heading, text }) => (heading === '' ? text : `${heading}\n${text}`));
  const ids = textIds(model, texts, {
    inputType: 'document',
    // Chunks fit; what their heading adds may be cut.
    truncate: true,
    nameOf: () => name,
  });
  const vectors = await embed(env, model, ids, signal);
  const stored = chunks.map((chunk, i) => ({ ...chunk, vector: vectors[i]! }));
  const put: unknown = await stub.put({ id, metadata, nChar: content.length, chunks: stored });
  const { replaced } = answerOf<{ replaced: boolean }>(put);
  return { id, status: replaced ? 'replaced' : 'added', chunks: chunks.length };
}

function failed(id: string, error: unknown): AddedJson {
  const { code, message } = errorToRecord(error);
  if (code === 'E_ABORTED') throw error;
  if (code === 'E_INTERNAL') console.error(error);
  return { id, status: 'failed', chunks: 0, error: { code, message } };
}

function invalid(name: string, what: string): EngineError {
  return new EngineError('E_REQUEST_INVALID', `${name}.content: ${what}`, { param: name });
}
