/** Filters of a search, by the metadata of documents. */
import { z } from 'zod';

const value = z.union([z.string().max(1000), z.number(), z.boolean()]);
export type MetadataValue = z.output<typeof value>;
const MAX_FIELDS = 32;

const field = z.string().regex(/^[A-Za-z_][\w.-]{0,63}$/, 'expected a name such as "author"');

export const metadataSchema = z
  .record(field, value)
  .refine(
    (fields) => Object.keys(fields).length <= MAX_FIELDS,
    `expected at most ${MAX_FIELDS} fields`,
  );
export type Metadata = z.output<typeof metadataSchema>;

const conditions = z.strictObject({
  eq: value.optional(),
  ne: value.optional(),
  in: z.array(value).min(1).max(100).optional(),
  gt: z.number().optional(),
  gte: z.number().optional(),
  lt: z.number().optional(),
  lte: z.number().optional(),
});
type Conditions = z.output<typeof conditions>;

/** A value, or conditions that must all hold; a missing field only satisfies "ne". */
export const filterSchema = z
  .record(
    field,
    z.union([value, conditions], 'expected a value, or any of eq, ne, in, gt, gte, lt, lte'),
  )
  .refine(
    (fields) => Object.keys(fields).length <= MAX_FIELDS,
    `expected at most ${MAX_FIELDS} fields`,
  );
export type Filter = z.output<typeof filterSchema>;

type Test = (got: MetadataValue | undefined, wanted: never) => boolean;
const isNumber = (got: MetadataValue | undefined): got is number => typeof got === 'number';

const TESTS: Record<keyof Conditions, Test> = {
  eq: (got, wanted) => got === wanted,
  ne: (got, wanted) => got !== wanted,
  in: (got, wanted: readonly MetadataValue[]) => got !== undefined && wanted.includes(got),
  gt: (got, wanted) => isNumber(got) && got > wanted,
  gte: (got, wanted) => isNumber(got) && got >= wanted,
  lt: (got, wanted) => isNumber(got) && got < wanted,
  lte: (got, wanted) => isNumber(got) && got <= wanted,
};

export function matchesFilter(metadata: Metadata, filter: Filter): boolean {
  return Object.entries(filter).every(([name, wanted]) => {
    const got = Object.hasOwn(metadata, name) ? metadata[name] : undefined;
    if (typeof wanted !== 'object') return got === wanted;
    return Object.entries(wanted).every(([test, value]) =>
      TESTS[test as keyof Conditions](got, value as never),
    );
  });
}
