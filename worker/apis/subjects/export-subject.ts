/** GET /v1/subjects/:id/export. */
import { byteStream } from '../../platform/byte-stream.ts';
import { ask } from '../../platform/rpc.ts';
import { defineSubjectEndpoint } from './env.ts';
import { subjectStub } from './subject-stub.ts';
import { exportLines } from './export-lines.ts';
import { readSubject, subjectNotFound } from './read-subject.ts';

const CONTENT_TYPE = 'application/x-ndjson';

export const exportSubject = defineSubjectEndpoint({
  name: 'exportSubject',
  method: 'GET',
  path: '/v1/subjects/:id/export',
  tag: 'subjects',
  scope: 'chat',
  summary: 'Export everything that is kept for a subject',
  description:
    'One JSON object a line, opened, as it is read; the last line has the type "end" and counts the others, so that an ' +
    'export without it was cut off. The types are in docs/privacy.md.',
  params: { id: 'the subject, percent-encoded, or "me" for the own one' },
  responses: [{ status: 200, what: 'the lines', contentType: CONTENT_TYPE }],
  examples: [{ title: 'An unknown subject', params: { id: 'nobody' }, status: 404 }],
  async handle({ env, caller, params }) {
    const subject = readSubject(env, caller, params);
    const { requestId } = caller;
    const stub = subjectStub(env, subject);
    if (!(await ask<boolean>('subjects', () => stub.keepsAny({ requestId }, subject))))
      throw subjectNotFound(params['id'] ?? '');
    const lines = exportLines({ env, requestId, subject });
    const headers = { 'content-type': CONTENT_TYPE, 'x-content-type-options': 'nosniff' };
    return new Response(byteStream(lines), { headers });
  },
});
