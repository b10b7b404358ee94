/**
 * The tool file_search: what the user asked is searched for before the answer, and the passages go before the
 * question. Small models do not ask for searches well, so that the tool is always used unless tool_choice is "none".
 */
import { accessDenied } from '../../access/errors.ts';
import { allows } from '../../platform/caller.ts';
import type { Caller } from '../../platform/caller.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { contentText } from '../../serving/conversation/message.ts';
import type { Message } from '../../serving/conversation/message.ts';
import { AnswerCheck } from '../../serving/grounding/check-claims.ts';
import { DEFAULT_CHECK } from '../../serving/grounding/policy.ts';
import type { FileSearchTool } from '../../serving/fields/file-search.ts';
import { withPassages } from '../retrieval/retrieve.ts';
import type { VectorStoresEnv } from '../vector-stores/env.ts';
import type { StoreResult } from '../vector-stores/schema.ts';
import { searchStore } from '../vector-stores/vector-store.ts';
import type { OutputTextJson } from './item-schema.ts';
import type { ResponseBody } from './schema.ts';

const MAX_QUERY_CHARS = 10_000;

export interface FileSearch {
  readonly query: string;
  /** The best first; passage i is cited as [i + 1]. */
  readonly results: readonly StoreResult[];
  /** Null where the answer passes unchecked. */
  readonly check: AnswerCheck | null;
}

/**
 * Null without the tool.
 * @throws {EngineError} E_NOT_FOUND for an unknown store, E_ACCESS_DENIED, E_REQUEST_INVALID
 */
export async function searchFiles(
  env: VectorStoresEnv,
  caller: Caller,
  { tools = [], tool_choice: choice, text }: ResponseBody,
  messages: readonly Message[],
  signal: AbortSignal,
): Promise<FileSearch | null> {
  const tool = tools.find((one): one is FileSearchTool => one.type === 'file_search');
  if (tool === undefined || choice === 'none') return null;
  if (!allows(caller.scopes, 'retrieval')) throw accessDenied('retrieval', caller.scopes ?? []);
  const isFreeText =
    (text?.format?.type ?? 'text') === 'text' && tools.every(({ type }) => type === 'file_search');
  const last = messages.findLast(({ role }) => role === 'user');
  const query = (last === undefined ? '' : contentText(last.content)).trim();
  if (query === '') throw invalidField('input', 'expected a message of role "user" to search for');
  const request = {
    ...{ queries: [query.slice(0, MAX_QUERY_CHARS)], filters: tool.filters },
    ...{ nResult: tool.max_num_results, threshold: tool.ranking_options?.score_threshold ?? 0 },
  };
  const found: StoreResult[] = [];
  for (const id of tool.vector_store_ids)
    found.push(...(await searchStore(env, caller, id, request, signal)));
  const results = found.sort((a, b) => b.score - a.score).slice(0, tool.max_num_results);
  const [question = ''] = request.queries;
  const check = await AnswerCheck.over(
    isFreeText ? (tool.check ?? DEFAULT_CHECK) : 'off',
    results.map(({ content }) => ({ text: content[0]?.text ?? '' })),
    question,
  );
  return { query: question, results, check };
}

export function withFiles(messages: readonly Message[], { results, check }: FileSearch): Message[] {
  return withPassages(
    messages,
    results.map(({ content }, i) => ({ index: i + 1, text: content[0]?.text ?? '' })),
    check !== null,
  );
}

/** The passages that a text cites, where it does. */
export function annotationsOf(
  search: Pick<FileSearch, 'results'> | null,
  text: string,
): OutputTextJson['annotations'] {
  if (search === null) return [];
  return Array.from(text.matchAll(/\[(\d{1,2})\]/g)).flatMap(({ 1: number, index }) => {
    const cited = search.results[Number(number) - 1];
    if (cited === undefined) return [];
    const { file_id, filename } = cited;
    return [{ type: 'file_citation' as const, file_id, filename, index }];
  });
}
