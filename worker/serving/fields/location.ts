/** Where a reader finds a passage of a document. */
import { z } from 'zod';
import { LOCATION_UNITS } from '../../documents/sections.ts';
import { count } from './common.ts';

const positive = count.min(1);

export const locationSchema = z
  .strictObject({
    unit: z.enum(LOCATION_UNITS),
    first: positive.describe('number from 1; of rows, the header is the first'),
    last: positive,
  })
  .nullable()
  .describe(
    'page of a PDF or DOCX file, chapter of an EPUB, rows of a CSV, the picture where a document is one; null in other documents',
  );
