/** Query parameters of lists, and pages of them. */
import { z } from 'zod';
import type { EngineError } from '../../../engine/base/errors.ts';
import { invalidField } from '../../platform/invalid-field.ts';

/** @throws {EngineError} E_REQUEST_INVALID */
export function readLimit(query: URLSearchParams, byDefault: number, max: number): number {
  const text = query.get('limit') ?? String(byDefault);
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= max) return limit;
  throw wrongQuery('limit', `expected 1 to ${max}`, text);
}

/** The newest first by default. @throws {EngineError} E_REQUEST_INVALID */
export function readOrder(query: URLSearchParams): 'asc' | 'desc' {
  const order = query.get('order') ?? 'desc';
  if (order === 'asc' || order === 'desc') return order;
  throw wrongQuery('order', 'expected "asc" or "desc"', order);
}

/** The id after which the page begins, or null. @throws {EngineError} E_REQUEST_INVALID */
export function readAfter(query: URLSearchParams, isId: (id: string) => boolean): string | null {
  const after = query.get('after');
  if (after === null || isId(after)) return after;
  throw wrongQuery('after', 'expected an id of the list', after);
}

export function wrongQuery(param: string, expected: string, got: string): EngineError {
  const shown = JSON.stringify(got.slice(0, 80));
  return invalidField(param, `${expected}, got ${shown}`);
}

/** What `listJson` makes of items with the schema `item`. */
export function listSchema<Item extends z.ZodType>(item: Item) {
  return z.strictObject({
    object: z.literal('list'),
    data: z.array(item),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  });
}

/** A page of a list in OpenAI's shape. */
export function listJson(data: readonly { readonly id: string }[], hasMore: boolean): object {
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: hasMore,
  };
}

/** The query parameters of `pageOf`, for the reference. @param item with its article */
export function pageQuery(item: string, byDefault: number, max: number): Record<string, string> {
  return {
    limit: `1 to ${max}; default ${byDefault}`,
    order: '"desc" for the newest first (default), or "asc"',
    after: `id of ${item}, after which the list begins`,
  };
}

/**
 * A page of a list that is in memory, as the query asks for it.
 * @param items the oldest first
 * @throws {EngineError} E_REQUEST_INVALID naming the query parameter
 */
export function pageOf(
  items: readonly { readonly id: string }[],
  query: URLSearchParams,
  byDefault: number,
  max: number,
): object {
  const order = readOrder(query);
  const limit = readLimit(query, byDefault, max);
  const sorted = order === 'asc' ? items : items.toReversed();
  const after = query.get('after');
  const begin = after === null ? 0 : sorted.findIndex((item) => item.id === after) + 1;
  if (after !== null && begin === 0) throw wrongQuery('after', 'expected the id of an item', after);
  return listJson(sorted.slice(begin, begin + limit), begin + limit < sorted.length);
}
