/**
 * Token ids of a query with each of its documents as a reranker reads them: its template, or query, separator and
 * document. What is too long is cut at the document's end, or refused.
 */
import { atOnce } from '../../../engine/base/turns.ts';
import type { Steps } from '../../../engine/base/turns.ts';
import { breakLiterals, chooseSentinel } from '../../../engine/text/sentinel.ts';
import type { EncoderModel } from './find-encoder.ts';
import { checkText, tooLong } from './text-ids.ts';

type Model = Pick<EncoderModel, 'manifest' | 'tokenizer'>;

export interface PairIdsOptions {
  /** Whether to cut texts that are too long instead of refusing them. */
  readonly truncate: boolean;
}

/** A query may take this part of the tokens that query and document have together. */
const QUERY_SHARE = 1 / 2;

/** A query's place for documents. */
interface PairFrame {
  /** Ids of the pair, however long. */
  readonly around: (document: string) => Steps<readonly number[]>;
  /** What comes after every document, which is not cut. */
  readonly after: readonly number[];
}

/** @throws {EngineError} E_REQUEST_INVALID or E_PROMPT_TOO_LONG naming the query, or the document by its index. */
export function pairIds(
  model: Model,
  query: string,
  documents: readonly string[],
  options: PairIdsOptions,
): number[][] {
  return atOnce(pairIdsSteps(model, query, documents, options));
}

/** `pairIds` in parts. */
export function* pairIdsSteps(
  model: Model,
  query: string,
  documents: readonly string[],
  { truncate }: PairIdsOptions,
): Steps<number[][]> {
  checkText(query, 'query');
  for (const [index, text] of documents.entries()) checkText(text, `documents[${index}]`);
  const { maxTokens, rerankTemplate } = model.manifest.config;
  const frameOf =
    rerankTemplate === undefined
      ? plainFrames(model)
      : templateFrames(model, rerankTemplate, [query, ...documents]);
  const room = maxTokens - atOnce(atOnce(frameOf('')).around('')).length;
  const fitted = yield* fitQuery(model, query, Math.floor(room * QUERY_SHARE), truncate);
  const frame = yield* frameOf(fitted);
  const { after } = frame;
  const documentRoom = maxTokens - atOnce(frame.around('')).length;
  const pairs: number[][] = [];
  for (const [index, document] of documents.entries()) {
    yield;
    const ids = yield* frame.around(document);
    const excess = ids.length - maxTokens;
    if (excess > 0 && !truncate)
      throw tooLong(`documents[${index}]`, index, documentRoom + excess, documentRoom);
    pairs.push(excess <= 0 ? [...ids] : [...ids.slice(0, maxTokens - after.length), ...after]);
  }
  return pairs;
}

/** The query, or as much of its beginning as there is room for. */
function* fitQuery(
  { tokenizer }: Model,
  query: string,
  room: number,
  truncate: boolean,
): Steps<string> {
  const ids = yield* tokenizer.encodeSteps(query, { special: false });
  if (ids.length <= room) return query;
  if (!truncate || room < 1) throw tooLong('query', 0, ids.length, Math.max(room, 0));
  // A cut inside a character leaves U+FFFD.
  return tokenizer.decode(ids.slice(0, room)).replace(/\uFFFD+$/u, '');
}

function plainFrames({ manifest, tokenizer }: Model): (query: string) => Steps<PairFrame> {
  const { bosId, eosIds } = manifest.tokenizer;
  const after = eosIds.slice(0, 1);
  const between = manifest.config.pairSeparatorIds ?? after;
  const idsOf = (text: string) => tokenizer.encodeSteps(text, { special: false });
  return function* (query) {
    const before = [...(bosId === null ? [] : [bosId]), ...(yield* idsOf(query)), ...between];
    const around = function* (document: string) {
      return [...before, ...(yield* idsOf(document)), ...after];
    };
    return { around, after };
  };
}

/** Literals of special tokens count in the template, and are plain text in what a user writes. */
function templateFrames(
  { tokenizer }: Model,
  template: string,
  texts: readonly string[],
): (query: string) => Steps<PairFrame> {
  const parts = template.split(/(\{query\}|\{document\})/u);
  const sentinel = chooseSentinel([template, ...texts], 'documents');
  const safe = (text: string) =>
    breakLiterals(text.toWellFormed(), tokenizer.specialLiterals, sentinel);
  const fill = (list: readonly string[], query: string, document: string) => {
    const filled: Readonly<Record<string, string>> = { '{query}': query, '{document}': document };
    const text = list.map((part) => filled[part] ?? part).join('');
    return tokenizer.encodeTemplateSteps(text, sentinel);
  };
  const tail = parts.slice(parts.lastIndexOf('{document}') + 1);
  const { addBos, bosId } = tokenizer.facts;
  return function* (query) {
    const safeQuery = safe(query);
    const after = yield* fill(tail, safeQuery, '');
    return {
      around: (document) => fill(parts, safeQuery, safe(document)),
      // Only a whole text begins with the token that begins texts.
      after: addBos && after[0] === bosId ? after.slice(1) : after,
    };
  };
}
