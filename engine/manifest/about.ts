/** The fields that manifests of every kind share. */
import { z } from 'zod';

/** Written by imports: 2 may hold a matrix in slices of its rows, each in a shard of its own. */
export const MANIFEST_VERSION = 2;
/** Versions that are read. */
const READ_VERSIONS = [1, MANIFEST_VERSION] as const;
/** Model ids are R2 key parts and URL parts. */
export const MODEL_ID_PATTERN = /^[a-z0-9][a-z0-9._-]{0,63}$/;

export const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
/** Of rows, columns and positions. */
export const MAX_DIM = 1 << 24;
export const dim = z.number().int().positive().max(MAX_DIM);
export const fileName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,79}$/);

/** What every kind of model has. */
export const about = {
  formatVersion: z.literal(READ_VERSIONS),
  id: z.string().regex(MODEL_ID_PATTERN),
  name: z.string().max(200),
  createdAt: z.string().max(40),
  licence: z.string().max(200),
  source: z.string().max(500),
  sourceSha256: sha256.nullable(),
  /** The model card's text (Markdown), or ''. */
  card: z.string().max(1_000_000),
};
