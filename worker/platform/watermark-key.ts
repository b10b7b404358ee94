/**
 * The key of a deployment's watermark: of the variable or secret WATERMARK_KEY, else of a record in the models' bucket,
 * which `thimble deploy` makes once. Without either, texts carry no watermark.
 */
import { z } from 'zod';
import { EngineError } from '../../engine/base/errors.ts';
import type { WatermarkKey } from '../../engine/sample/watermark-hash.ts';
import { BucketRecord } from './bucket-record.ts';

export const WATERMARK_RECORD_KEY = 'policy/watermark.json';
/** How long the record is believed: it is made before the first request, and stays. */
const RECHECK_MS = 60_000;

const recordSchema = z.strictObject({ version: z.literal(1), key: z.string().min(32).max(200) });

export interface WatermarkEnv {
  readonly MODELS: R2Bucket;
  readonly WATERMARK_KEY?: string;
}

const record = new BucketRecord(WATERMARK_RECORD_KEY, parseRecord, RECHECK_MS);
/** Keys by their text: deriving one takes an await that a request need not have. */
const derived = new Map<string, WatermarkKey>();

/** Null for a deployment without a key. @throws {EngineError} E_WEIGHTS_FETCH, E_INTERNAL for a damaged record */
export async function readWatermarkKey(env: WatermarkEnv): Promise<WatermarkKey | null> {
  const text = env.WATERMARK_KEY ?? '';
  if (text !== '') return await derive(text);
  const stored = await record.read(env.MODELS);
  return stored === null ? null : await derive(stored);
}

/** The first 128 bits of the text's SHA-256. */
async function derive(text: string): Promise<WatermarkKey> {
  const known = derived.get(text);
  if (known !== undefined) return known;
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  const [a = 0, b = 0, c = 0, d = 0] = new Uint32Array(digest);
  const key: WatermarkKey = [a, b, c, d];
  derived.set(text, key);
  return key;
}

/** Text of a record with a new random key. */
export function newWatermarkRecord(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  const key = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return `${JSON.stringify({ version: 1, key })}\n`;
}

function parseRecord(text: string): string {
  try {
    return recordSchema.parse(JSON.parse(text)).key;
  } catch {
    // The message says nothing of what was read: it is a secret.
    throw new EngineError(
      'E_INTERNAL',
      `watermark: ${WATERMARK_RECORD_KEY} cannot be read; expected {"version": 1, "key": "..."}. ` +
        'Delete it and deploy again, which makes another key.',
    );
  }
}
