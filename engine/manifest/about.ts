/** The fields that manifests of every kind share. */
import { z } from 'zod';

export const MANIFEST_VERSION = 1;
/** Model ids are R2 key parts and URL parts. */
export const MODEL_ID_PATTERN = /^[a-z0-9][a-z0-9._-]{0,63}$/;

export const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
export const fileName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,79}$/);

/** What every kind of model has. */
export const about = {
  formatVersion: z.literal(MANIFEST_VERSION),
  id: z.string().regex(MODEL_ID_PATTERN),
  name: z.string().max(200),
  createdAt: z.string().max(40),
  licence: z.string().max(200),
  source: z.string().max(500),
  sourceSha256: sha256.nullable(),
  /** The model card's text (Markdown), or ''. */
  card: z.string().max(1_000_000),
};
