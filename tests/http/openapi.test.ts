/** /openapi.json is OpenAPI 3.1, tells of every endpoint, and its examples do what they say. */
import { Validator } from '@seriousme/openapi-schema-validator';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { z } from 'zod';
import type { EndpointFacts, Example } from '../../worker/http/endpoint.ts';
import { ENDPOINTS } from '../../worker/gateway/endpoints.ts';
import { PARAMETERS } from '../../worker/http/openapi/parameters.ts';
import { ERROR_SCHEMAS } from '../../worker/serving/fields/answers.ts';
import { sseData, shareTestServer, type SharedServer } from '../support/http-server.ts';
import { runExample } from '../support/run-example.ts';

interface Document extends Record<string, unknown> {
  paths: Record<string, Record<string, { operationId: string; 'x-codeSamples': unknown[] }>>;
  components: { schemas: Record<string, { properties?: Record<string, object> }> };
}

let server: SharedServer;
let document: Document;

beforeAll(async () => {
  server = await shareTestServer();
  document = await (await fetch(`${server.url}/openapi.json`)).json<Document>();
});
afterAll(() => server.close());

test('an independent validator takes the document, and not a broken one', async () => {
  const result = await new Validator().validate(structuredClone(document));
  expect(result.errors ?? []).toEqual([]);
  expect(result.valid).toBe(true);
  const broken = { ...structuredClone(document), paths: { nonsense: 5 } };
  expect((await new Validator().validate(broken)).valid).toBe(false);
});

test('every reference leads somewhere', () => {
  const refs = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref);
  expect(refs.length).toBeGreaterThan(20);
  const known = Object.keys(document.components.schemas).map((n) => `#/components/schemas/${n}`);
  expect(refs.filter((ref) => !known.includes(ref ?? ''))).toEqual([]);
});

test('every endpoint of the table is there once, with examples', () => {
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods));
  expect(operations.map(({ operationId }) => operationId).toSorted()).toEqual(
    ENDPOINTS.map(({ name }) => name).toSorted(),
  );
  for (const operation of operations) expect(operation['x-codeSamples'].length).toBeGreaterThan(0);
});

test('every field of every body is described, and every description has a field', () => {
  const fields = ENDPOINTS.flatMap(({ body }) => Object.keys(body?.shape ?? {}));
  // A field without a row: add one to worker/http/openapi/parameters.ts.
  expect(fields.filter((name) => !Object.hasOwn(PARAMETERS, name))).toEqual([]);
  expect(Object.keys(PARAMETERS).filter((name) => !fields.includes(name))).toEqual([]);
  const properties = Object.entries(document.components.schemas)
    .filter(([name]) => name.endsWith('Request'))
    .flatMap(([, schema]) => Object.values(schema.properties ?? {}));
  expect(properties.length).toBeGreaterThan(50);
  for (const property of properties) expect(property).toHaveProperty('description');
});

test('a parameter is honoured or refused, never both', () => {
  for (const { body, refused = [] } of ENDPOINTS) {
    const both = refused.filter(({ name }) => Object.hasOwn(body?.shape ?? {}, name));
    expect(both).toEqual([]);
  }
});

/** What a body must be: named in the failure. */
function expectSchema(schema: z.ZodType, value: unknown): void {
  const { error } = schema.safeParse(value);
  expect(error?.issues ?? [], JSON.stringify(value).slice(0, 2000)).toEqual([]);
}

async function check(endpoint: EndpointFacts, example: Example): Promise<void> {
  const response = await runExample(server, endpoint, example);
  const wanted = example.status ?? 200;
  if (response.status !== wanted) expect([response.status, await response.text()]).toEqual(wanted);
  if (wanted >= 400) {
    expectSchema(ERROR_SCHEMAS[endpoint.errors ?? 'openai'], await response.json());
    return;
  }
  const row = endpoint.responses.find(({ status }) => status === wanted);
  const contentType = response.headers.get('content-type') ?? '';
  if (contentType.startsWith('text/event-stream')) {
    const data = await Array.fromAsync(sseData(response));
    const events = data.filter((line) => line !== '[DONE]');
    expect(events.length).toBeGreaterThan(2);
    for (const event of events) expectSchema(row?.event as z.ZodType, JSON.parse(event));
  } else if (row?.schema !== undefined) {
    expectSchema(row.schema, await response.json());
  } else {
    expect(contentType).toContain(row?.contentType);
    expect((await response.text()).length).toBeGreaterThan(10);
  }
}

describe.each(ENDPOINTS.map((endpoint): [string, EndpointFacts] => [endpoint.name, endpoint]))(
  'examples of %s',
  (_name, endpoint) => {
    test.each(endpoint.examples.map((example): [string, Example] => [example.title, example]))(
      '%s',
      async (_title, example) => await check(endpoint, example),
    );
  },
);
