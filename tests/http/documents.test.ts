/** Files in collections over HTTP: pages in results and citations, sealing, redaction, export, errors that are named. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  base64Of,
  docxOf,
  docxParagraph,
  epubOf,
  textPdf,
} from '../../scripts/attack/documents/make-documents.ts';
import { MAX_DOCUMENT_CHARS } from '../../worker/documents/limits.ts';
import { MAX_FILE_BYTES } from '../../worker/documents/received-file.ts';
import { FILE_TYPES } from '../../worker/documents/types.ts';
import { TINY_ENCODER_ID } from '../support/encoders.ts';
import { shareTestServer, type SharedServer } from '../support/http-server.ts';

let server: SharedServer;
beforeAll(async () => {
  server = await shareTestServer([TINY_ENCODER_ID]);
});
afterAll(() => server.close());

interface Passage {
  readonly document: string;
  readonly start: number;
  readonly end: number;
  readonly heading: string;
  readonly text: string;
  readonly location: object | null;
}
interface Added {
  readonly data: readonly {
    readonly id: string;
    readonly status: string;
    readonly error?: { readonly code: string; readonly message: string };
  }[];
}

async function ok<T>(asked: Promise<Response>): Promise<T> {
  const response = await asked;
  if (response.status !== 200) expect([response.status, await response.text()]).toEqual([200, '']);
  return await response.json<T>();
}
const add = (name: string, documents: readonly object[], more: object = {}) =>
  ok<Added>(server.post(`/v1/collections/${name}/documents`, { documents, ...more }));
const find = async (name: string, query: string) =>
  (
    await ok<{ data: Passage[] }>(
      server.post(`/v1/collections/${name}/search`, { query, mode: 'text', top_k: 1 }),
    )
  ).data[0];

const MAIL = 'quuxpdf@example.org';
const PDF = textPdf([
  ['The harbour was built of granite.'],
  ['The lighthouse keeper writes down the weather.', `Write to ${MAIL} about it.`],
]);
const FILES = [
  { id: 'report.pdf', content: base64Of(PDF), content_type: FILE_TYPES.pdf },
  {
    id: 'letter.docx',
    content: base64Of(docxOf(docxParagraph('Dear Ada, bread rises slowly.'))),
    content_type: FILE_TYPES.docx,
  },
  {
    id: 'book.epub',
    content: base64Of(
      epubOf({
        'a.xhtml': '<html><body><h1>One</h1><p>Foxes sleep.</p></body></html>',
        'b.xhtml': '<html><body><h1>Two</h1><p>Owls hunt at night.</p></body></html>',
      }),
    ),
    content_type: FILE_TYPES.epub,
  },
  {
    id: 'rows.csv',
    content: 'town,people\nKiel,246000\nBergen,285000\n',
    content_type: 'text/csv',
  },
  { id: 'plain.txt', content: 'Plain words about umbrellas.' },
];

test('every format is found, with its page, chapter or rows', async () => {
  await ok(server.post('/v1/collections', { name: 'files' }));
  const { data } = await add('files', FILES);
  expect(data.map(({ status }) => status)).toEqual(FILES.map(() => 'added'));
  const page = { unit: 'page', first: 2, last: 2 };
  expect(await find('files', 'lighthouse')).toMatchObject({
    document: 'report.pdf',
    location: page,
    // After the first page and the break between them.
    start: 'The harbour was built of granite.'.length + 2,
  });
  expect(await find('files', 'bread')).toMatchObject({ document: 'letter.docx', location: null });
  expect(await find('files', 'owls')).toMatchObject({
    ...{ document: 'book.epub', heading: 'Two' },
    location: { unit: 'chapter', first: 2, last: 2 },
  });
  expect(await find('files', 'Bergen')).toMatchObject({
    ...{ document: 'rows.csv', text: 'town: Kiel; people: 246000\ntown: Bergen; people: 285000' },
    location: { unit: 'row', first: 2, last: 3 },
  });
  expect(await find('files', 'umbrellas')).toMatchObject({ location: null, start: 0 });
});

test('citations of an answer name the page', async () => {
  const answer = await ok<{ citations: Passage[] }>(
    server.post('/v1/chat/completions', {
      messages: [{ role: 'user', content: 'What does the lighthouse keeper write down?' }],
      max_tokens: 4,
      retrieval: { collection: 'files', top_k: 1, mode: 'text' },
    }),
  );
  expect(answer.citations[0]).toMatchObject({
    ...{ index: 1, document: 'report.pdf' },
    location: { unit: 'page', first: 2, last: 2 },
  });
});

test('a file is redacted as a text is, and the export has its pages', async () => {
  await ok(server.post('/v1/collections', { name: 'redacted-files' }));
  await add('redacted-files', [FILES[0]!], { redact: ['email'] });
  const hit = await find('redacted-files', 'write to');
  expect(hit!.text).toContain('Write to <EMAIL_1> about it.');
  const exported = await (await fetch(`${server.url}/v1/subjects/me/export`)).text();
  const lines = exported
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ type, collection }) => type === 'passage' && collection === 'redacted-files');
  const page = (number: number) => ({ unit: 'page', first: number, last: number });
  // The tiny model's passages are short: the second page has two.
  expect(lines.map(({ location }) => location)).toEqual([page(1), page(2), page(2)]);
  expect(JSON.stringify(lines)).not.toContain(MAIL);
});

function upload(name: string, file: File, fields: Readonly<Record<string, string>> = {}) {
  const form = new FormData();
  for (const [field, value] of Object.entries(fields)) form.set(field, value);
  form.set('file', file);
  const init = { method: 'POST', body: form };
  return fetch(`${server.url}/v1/collections/${name}/files`, init);
}
const fileOf = (name: string, content: string | Uint8Array) => new File([content], name);

test('a form takes a file as it is, and sees what it is', async () => {
  await ok(server.post('/v1/collections', { name: 'uploads' }));
  // No PDF by its name.
  const added = await ok<Added>(upload('uploads', fileOf('report', PDF), { id: 'r' }));
  expect(added.data[0]).toMatchObject({ id: 'r', status: 'added' });
  expect(await find('uploads', 'harbour')).toMatchObject({
    ...{ document: 'r', metadata: {}, location: { unit: 'page', first: 1, last: 1 } },
  });
  const text = fileOf('caf\u00e9.md', `# Sea\n\nAsk ${MAIL} about whales.`);
  const fields = { metadata: '{"year": 2024}', redact: '["email"]' };
  const response = await upload('uploads', text, fields);
  expect(response.headers.get('x-thimble-redacted')).toBe('email=1');
  await ok(Promise.resolve(response));
  expect(await find('uploads', 'whales')).toMatchObject({
    ...{ document: 'caf\u00e9.md', heading: 'Sea', metadata: { year: 2024 }, location: null },
  });
  await ok(upload('uploads', fileOf('t.csv', 'town,people\nBergen,285000\n')));
  expect(await find('uploads', 'Bergen')).toMatchObject({ text: 'town: Bergen; people: 285000' });
});

test.each([
  ['file', 400, fileOf('a.pdf', '%PDF-1.7 and nothing'), {}],
  ['file', 400, fileOf('a.txt', '\0\u0001'), {}],
  ['file', 400, fileOf('a.txt', ' '), {}],
  ['file', 413, fileOf('a.txt', new Uint8Array(MAX_FILE_BYTES + 1)), {}],
  ['metadata', 400, fileOf('a.txt', 'a'), { metadata: '{' }],
  ['metadata', 400, fileOf('a.txt', 'a'), { metadata: '[1]' }],
  ['redact', 400, fileOf('a.txt', 'a'), { redact: '"mail"' }],
  ['id', 400, fileOf('a.txt', 'a'), { id: 'a\nb' }],
  ['name', 404, fileOf('a.txt', 'a'), { collection: 'none' }],
])(
  'a form is refused naming %s (%i)',
  async (param, status, file, { collection, ...fields }: Readonly<Record<string, string>>) => {
    await server.post('/v1/collections', { name: 'refused' });
    const response = await upload(collection ?? 'refused', file, fields);
    const { error } = await response.json<{ error: { param: string; message: string } }>();
    expect([response.status, error.param]).toEqual([status, param]);
  },
);

test('what cannot be read fails by itself, and says why', async () => {
  await ok(server.post('/v1/collections', { name: 'wrong' }));
  const [pdf, docx] = [FILES[0]!, FILES[1]!];
  const { data } = await add('wrong', [
    { ...pdf, id: 'a', content_type: 'text/plain' },
    { ...pdf, id: 'b', content_type: FILE_TYPES.docx },
    { ...docx, id: 'c', content: 'not base64!' },
    { ...docx, id: 'd', content: base64Of(new TextEncoder().encode('no file')) },
    { id: 'e', content: '%PDF-1.7 as text', content_type: 'text/markdown' },
    { ...docx, id: 'f', content: base64Of(docxOf('')) },
    { id: 'g', content: `a,b\n1,2`, content_type: 'text/csv' },
  ]);
  const messages = data.map(({ error }) => error?.message ?? 'added');
  expect(messages[0]).toMatch(/^documents\[0\]\.content_type: .*PDF file in base64/);
  expect(messages[1]).toMatch(/^documents\[1\]\.content: is a PDF file/);
  expect(messages[2]).toMatch(/^documents\[2\]\.content: expected .* base64/);
  expect(messages[3]).toMatch(/^documents\[3\]\.content: .*first bytes/);
  expect(messages[4]).toMatch(/^documents\[4\]\.content_type: .*PDF file/);
  expect(messages[5]).toMatch(/^documents\[5\]\.content: has no text/);
  expect(messages[6]).toBe('added');
  expect(data.slice(0, 6).map(({ error }) => error?.code)).toEqual(
    Array.from({ length: 6 }, () => 'E_REQUEST_INVALID'),
  );
  const long = { id: 'h', content: 'a'.repeat(MAX_DOCUMENT_CHARS + 1), content_type: 'text/csv' };
  const refused = await server.post('/v1/collections/wrong/documents', { documents: [long] });
  expect(refused.status).toBe(400);
  const { error } = await refused.json<{ error: { param: string } }>();
  expect(error.param).toBe('documents[0].content');
});
