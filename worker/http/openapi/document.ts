/**
 * The table of endpoints as an OpenAPI 3.1 document (spec.openapis.org/oas/v3.1.1), from the very
 * schemas that check requests.
 */
import { z } from 'zod';
import type { EndpointFacts, Example, ResponseRow } from '../endpoint.ts';
import { anthropicErrorSchema, errorSchema } from '../../serving/fields/answers.ts';
import { strictField } from '../../serving/fields/common.ts';
import { curlOf } from './curl.ts';
import { isPassive, PARAMETERS } from './parameters.ts';

type Json = Record<string, unknown>;

const TAGS: Readonly<Record<EndpointFacts['tag'], string>> = {
  generation: "Chat and plain completions in OpenAI's shapes.",
  responses: "Stored, continued and streamed answers in the shape of OpenAI's responses.",
  messages: "Answers in the shape of Anthropic's messages.",
  batches: 'Files of requests that are answered without a client, and of their answers.',
  tasks: 'What language models are used for, with the prompts already written (docs/tasks.md).',
  retrieval:
    'Embeddings, ranking, and collections of documents that can be searched (docs/retrieval.md).',
  audio: 'Speech to text, and text to speech.',
  onnx: 'ONNX graphs, on tensors or on what their tasks take (docs/onnx.md).',
  models: 'What is served.',
  text: 'Tokenizer and chat template.',
  sessions: 'Conversations that the server remembers.',
  server: 'Pages, documents, health and counters.',
};

const SCHEMA_PREFIX = '#/components/schemas/';

/** Made once an isolate: the table does not change. */
let made: Json | null = null;

export function openapiDocument(endpoints: readonly EndpointFacts[]): Json {
  return (made ??= makeDocument(endpoints));
}

function makeDocument(endpoints: readonly EndpointFacts[]): Json {
  const schemas: Json = {};
  const paths: Record<string, Json> = {};
  for (const endpoint of endpoints) {
    const path = endpoint.path.replaceAll(/:(\w+)/g, '{$1}');
    (paths[path] ??= {})[endpoint.method.toLowerCase()] = operation(endpoint, schemas);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Thimble',
      version: '0.1.0',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      description:
        'An open model behind the APIs that existing clients speak. Fields with x-extension are ' +
        'no part of those APIs. Unknown fields are ignored and named in the header x-thimble-ignored.',
    },
    servers: [{ url: '/' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: { schemas },
  };
}

function operation(endpoint: EndpointFacts, schemas: Json): Json {
  const { name, tag, summary, description, responses, examples, errors } = endpoint;
  const errorRef = schemaJson(
    errors === 'anthropic' ? anthropicErrorSchema : errorSchema,
    'output',
    schemas,
  );
  return {
    operationId: name,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    ...parameters(endpoint),
    ...requestBody(endpoint, schemas),
    responses: {
      ...Object.fromEntries(responses.map((row) => [row.status, response(row, schemas)])),
      default: {
        description: 'an error; its code says which, docs/errors.md what to do',
        content: { 'application/json': { schema: errorRef } },
      },
    },
    'x-codeSamples': examples.map((example) => ({
      lang: 'Shell',
      label: example.title,
      source: curlOf(endpoint, example),
    })),
  };
}

function parameters({ params = {}, query = {} }: EndpointFacts): Json {
  const rows = [
    ...Object.entries(params).map(([name, description]) => ({
      ...{ name, in: 'path', required: true, description, schema: { type: 'string' } },
    })),
    ...Object.entries(query).map(([name, description]) => ({
      ...{ name, in: 'query', required: false, description, schema: { type: 'string' } },
    })),
  ];
  return rows.length === 0 ? {} : { parameters: rows };
}

function requestBody({ body, form, refused = [], examples }: EndpointFacts, schemas: Json): Json {
  if (form !== undefined) {
    const schema = schemaJson(form, 'input', schemas);
    return { requestBody: { required: true, content: { 'multipart/form-data': { schema } } } };
  }
  if (body === undefined) return {};
  const names = refused.map(({ name }) => `\`${name}\``).join(', ');
  return {
    requestBody: {
      required: true,
      ...(names === '' ? {} : { description: `Refused by name when set: ${names}.` }),
      'x-refused': refused.map(({ name }) => name),
      content: {
        'application/json': {
          schema: schemaJson(body, 'input', schemas),
          examples: Object.fromEntries(examples.map((example) => [key(example), value(example)])),
        },
      },
    },
  };
}

const key = ({ title }: Example): string =>
  title
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
const value = ({ title, body = {} }: Example): Json => ({ summary: title, value: body });

function response({ what, schema, event, contentType }: ResponseRow, schemas: Json): Json {
  const content: Json = {};
  if (schema !== undefined)
    content['application/json'] = { schema: schemaJson(schema, 'output', schemas) };
  if (event !== undefined)
    content['text/event-stream'] = {
      schema: {
        type: 'string',
        description: 'with "stream": true; the data of each event is JSON of this schema',
        contentMediaType: 'application/json',
        contentSchema: schemaJson(event, 'output', schemas),
      },
    };
  if (contentType !== undefined) content[contentType] = { schema: {} };
  return { description: what, content };
}

/** A schema as JSON; those with a name go to the document's components. */
function schemaJson(schema: z.ZodType, io: 'input' | 'output', schemas: Json): Json {
  const json = z.toJSONSchema(schema, { io, unrepresentable: 'any', override: describeField });
  const { $schema: _dialect, $defs = {}, ...own } = moveRefs(json);
  Object.assign(schemas, $defs);
  return own;
}

function moveRefs(json: Json): Json {
  return JSON.parse(JSON.stringify(json).replaceAll('"#/$defs/', `"${SCHEMA_PREFIX}`)) as Json;
}

/** Says what the fields of a request are. */
function describeField({ zodSchema, jsonSchema }: { zodSchema: unknown; jsonSchema: Json }): void {
  const { properties } = jsonSchema as { properties?: Record<string, Json> };
  const isRequest = zodSchema instanceof z.ZodObject && zodSchema.shape['strict'] === strictField;
  if (properties === undefined || !isRequest) return;
  // No id inside: the named schema is the object, not its fields.
  for (const [name, property] of Object.entries(properties)) {
    const row = PARAMETERS[name];
    if (row === undefined) continue;
    property['description'] ??= row.what;
    if (row.isExtension === true) property['x-extension'] = true;
    if (isPassive(zodSchema, name)) property['x-no-effect'] = true;
  }
}
