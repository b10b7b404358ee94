/** The tool file_search of responses, and what searches of vector stores share with it. */
import { z } from 'zod';
import { checkField } from '../grounding/policy.ts';

const MAX_STORES = 4;
const MAX_RESULTS = 50;
/** Few: contexts are small. */
const DEFAULT_RESULTS = 4;

const scalar = z.union([z.string(), z.number(), z.boolean()]);
const comparison = z.strictObject({
  type: z.enum(['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'in']),
  key: z.string(),
  value: z.union([scalar, z.array(scalar).min(1).max(100)]),
});
export const filtersField = z
  .union(
    [comparison, z.strictObject({ type: z.literal('and'), filters: z.array(comparison).max(32) })],
    'expected a comparison (eq, ne, gt, gte, lt, lte, in), or "and" of some; others are not supported',
  )
  .optional();
export type StoreFilters = z.output<typeof filtersField>;

export const rankingField = z
  .looseObject({
    ranker: z.string().optional(),
    score_threshold: z.number().min(0).max(1).optional(),
  })
  .optional();
export const resultCount = z.number().int().min(1).max(MAX_RESULTS);

export const fileSearchTool = z.looseObject({
  type: z.literal('file_search'),
  vector_store_ids: z.array(z.string().max(80)).min(1).max(MAX_STORES),
  max_num_results: resultCount.default(DEFAULT_RESULTS),
  filters: filtersField,
  ranking_options: rankingField,
  check: checkField.optional(),
});
export type FileSearchTool = z.output<typeof fileSearchTool>;
