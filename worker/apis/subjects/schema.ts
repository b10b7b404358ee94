/** The receipt of an erasure. */
import { z } from 'zod';

const count = z.number().int();
const time = z.number().int().nullable();

export const receiptSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('subject.erasure'),
    subject: z.string(),
    status: z
      .enum(['erasing', 'erased'])
      .describe('"erasing": the key is destroyed, and rows are still being deleted'),
    began_at: count,
    key_destroyed_at: time.describe('from when nothing that was sealed can be read'),
    finished_at: time,
    deleted: z.strictObject({
      sessions: count,
      responses: count,
      records: count.describe(
        'conversations, chat completions, vector stores and fine-tuning jobs',
      ),
      batches: count,
      collections: count,
      files: count,
    }),
  })
  .meta({ id: 'SubjectErasure' });

export type ReceiptJson = z.output<typeof receiptSchema>;
