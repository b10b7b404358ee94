/** DELETE /v1/subjects/:id. */
import { dropKey } from '../../access/content/content-keys.ts';
import { ask } from '../../platform/rpc.ts';
import { defineSubjectEndpoint } from './env.ts';
import { subjectStub } from './subject-stub.ts';
import { readSubject, subjectNotFound } from './read-subject.ts';
import { receiptSchema } from './schema.ts';
import type { ReceiptJson } from './schema.ts';

const ERASING = 202;

export const deleteSubject = defineSubjectEndpoint({
  name: 'deleteSubject',
  method: 'DELETE',
  path: '/v1/subjects/:id',
  tag: 'subjects',
  scope: 'chat',
  summary: 'Erase everything that is kept for a subject',
  description:
    'Destroys the key that all of it is sealed with, then deletes sessions, responses, batches, collections and files. ' +
    'The subject of another key needs the scope `admin`, the own one `chat` and `retrieval`. Repeated, it answers with ' +
    'the same receipt, or erases what was kept since.',
  params: { id: 'the subject, percent-encoded, or "me" for the own one' },
  responses: [
    { status: 200, what: 'the receipt', schema: receiptSchema },
    { status: ERASING, what: 'the receipt so far: rows are still deleted', schema: receiptSchema },
  ],
  examples: [{ title: 'An unknown subject', params: { id: 'nobody' }, status: 404 }],
  async handle({ env, caller, params }) {
    const subject = readSubject(env, caller, params);
    const { requestId } = caller;
    const receipt = await ask<ReceiptJson | null>('subjects', () =>
      subjectStub(env, subject).erase({ requestId }, subject),
    );
    dropKey(subject);
    if (receipt === null) throw subjectNotFound(params['id'] ?? '');
    return Response.json(receipt, { status: receipt.status === 'erased' ? 200 : ERASING });
  },
});
