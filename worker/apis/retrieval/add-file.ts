/** POST /v1/collections/:name/files: one file in a form, as browsers and curl send it. */
import { z } from 'zod';
import { MAX_FILE_BYTES } from '../../documents/received-file.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import type { ErrorCode } from '../../../engine/base/errors.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import {
  redactedHeaders,
  redactField,
  redactorFor,
} from '../../serving/redaction/redact-request.ts';
import { checkBody } from '../../http/body/json-body.ts';
import { findCollection } from './collection.ts';
import { pictureSections } from '../../documents/sections.ts';
import { captionOfText } from './documents/open-document.ts';
import { addDocuments } from './documents/add-documents.ts';
import { receiveFile } from './documents/receive-file.ts';
import { defineRetrievalEndpoint } from './env.ts';
import { metadataSchema } from './object/filter.ts';
import { addedSchema, captionField, documentId } from './schema.ts';
import { encoderOf } from './search-collection.ts';

/** The form's fields beside the file. */
const fieldsSchema = z.strictObject({
  id: documentId.optional().describe('by default the name of the file; the same id replaces'),
  caption: captionField.describe('of a picture, what it shows'),
  metadata: metadataSchema.default({}).describe('JSON'),
  redact: redactField.describe('JSON: true, or a list of kinds'),
});

const formSchema = fieldsSchema
  .extend({
    file: z
      .string()
      .meta({ format: 'binary' })
      .describe(
        `PDF, DOCX, EPUB, text or a picture of at most ${MAX_FILE_BYTES} bytes; .md, .html and .csv by the name`,
      ),
  })
  .meta({ id: 'CollectionFileForm' });

export const addCollectionFile = defineRetrievalEndpoint({
  name: 'addCollectionFile',
  method: 'POST',
  path: '/v1/collections/:name/files',
  tag: 'retrieval',
  scope: 'retrieval',
  summary: 'Add a file as a document, replacing the one with the same id',
  description:
    'A form (multipart/form-data) with the field "file". What kind of file it is follows from its first bytes, of ' +
    'texts from its name. Its text is kept, the file is not; of a picture (PNG, JPEG, WebP, GIF) its vector and its caption.',
  params: { name: 'name of the collection' },
  form: formSchema,
  responses: [{ status: 200, what: 'the result for the document', schema: addedSchema }],
  examples: [
    {
      title: 'An unknown collection',
      params: { name: 'nothing' },
      form: { file: { filename: 'sea.md', text: '# Sea\n\nThe sea is blue.' } },
      status: 404,
    },
  ],
  async handle({ env, caller, params: { name = '' }, request, client }) {
    // First: of what is foreign nothing is said but that it is not there.
    const collection = await findCollection(env, caller, name);
    const model = await encoderOf(env, collection, caller);
    const { filename, fields, file } = await receiveFile(env, caller, request);
    const { id, caption, metadata, redact } = checkBody(
      { id: filename ?? undefined, ...fields },
      fieldsSchema,
    );
    if (id === undefined)
      throw invalidField('id', 'expected a name for the document, since the file has none');
    if (caption !== undefined && file.picture === undefined) throw captionOfText('caption');
    const content =
      file.picture === undefined ? file : { ...file, ...pictureSections(file.picture, caption) };
    const redactor = redactorFor(redact);
    const source = {
      ...{ id, name: 'file', contentName: 'file' },
      open: () => Promise.resolve({ id, metadata, ...content }),
    };
    const data = await addDocuments(
      ...([env, caller, collection, model, [source], redactor, client] as const),
    );
    const error = data[0]?.error;
    if (error !== undefined)
      throw new EngineError(error.code as ErrorCode, error.message, { param: 'file' });
    const init = { headers: redactedHeaders(redactor) };
    return Response.json({ object: 'list', data, failed: 0 }, init);
  },
});
