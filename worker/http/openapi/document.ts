/**
 * The table of endpoints as an OpenAPI 3.1 document (spec.openapis.org/oas/v3.1.1), from the same
 * schemas that check requests.
 */
import { VERSION } from '../../platform/version.ts';
import { z } from 'zod';
import { EngineError } from '../../../engine/base/errors.ts';
import type { EndpointFacts, Example, ResponseRow } from '../endpoint.ts';
import { ERROR_SCHEMAS } from '../../serving/fields/answers.ts';
import { strictField } from '../../serving/fields/common.ts';
import { curlOf } from './curl.ts';
import { isPassive } from '../../serving/fields/passive.ts';
import { PARAMETERS } from './parameters.ts';

type Json = Record<string, unknown>;

const TAGS: Readonly<Record<EndpointFacts['tag'], string>> = {
  generation: "Chat completions and plain completions in OpenAI's format.",
  responses: "Stored, continued and streamed responses in OpenAI's format.",
  conversations: 'Items that the server keeps, and responses continue',
  messages: "Messages in Anthropic's format.",
  ollama: "Chat, completions, embeddings and models in Ollama's format.",
  batches: 'Files of requests that run in the background, and files with their results.',
  'fine-tuning': 'Jobs of a local server that teach a model what a file shows (docs/training.md).',
  tasks: 'Common uses of language models, with built-in prompts (docs/tasks.md).',
  retrieval: 'Embeddings, reranking, and searchable collections of documents (docs/retrieval.md).',
  audio: 'Speech to text, and text to speech.',
  images: 'What pictures show (docs/vision.md).',
  onnx: 'ONNX models, run on tensors or on the inputs of their tasks (docs/onnx.md).',
  mcp: 'What the server does as tools of the Model Context Protocol (docs/mcp.md).',
  models: 'The models that this server has.',
  text: 'Tokenizers and chat templates.',
  subjects: 'Everything of one subject: export and erase it.',
  sessions: 'Conversations that the server stores.',
  server: 'Pages, reference, health and metrics.',
};

/** Where a key goes; a deployment that is public, and a server on one's own machine, need none. */
const SECURITY_SCHEMES: Json = {
  bearer: { type: 'http', scheme: 'bearer', description: 'docs/keys.md' },
  apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key', description: 'docs/keys.md' },
};

const SCHEMA_PREFIX = '#/components/schemas/';

/** Made once per isolate: the table does not change. */
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
      version: VERSION,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      description:
        'Open models, served through the APIs that existing clients use. Fields with x-extension are ' +
        'not part of those APIs. Unknown fields, and those without effect, are ignored and named in the header x-thimble-ignored.',
    },
    servers: [{ url: '/' }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths,
    components: { schemas, securitySchemes: SECURITY_SCHEMES },
  };
}

function operation(endpoint: EndpointFacts, schemas: Json): Json {
  const { name, tag, scope, summary, description, responses, examples, errors } = endpoint;
  const errorRef = schemaJson(ERROR_SCHEMAS[errors ?? 'openai'], 'output', schemas);
  return {
    operationId: name,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    'x-scope': scope,
    security: scope === null ? [] : [{ bearer: [] }, { apiKey: [] }],
    ...parameters(endpoint),
    ...requestBody(endpoint, schemas),
    responses: {
      ...Object.fromEntries(responses.map((row) => [row.status, response(row, schemas)])),
      default: {
        description: 'an error; docs/errors.md says for each code what to do',
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
      ...(names === '' ? {} : { description: `Refused when set: ${names}.` }),
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
        description: 'with "stream": true; the data of each event is JSON with this schema',
        contentMediaType: 'application/json',
        contentSchema: schemaJson(event, 'output', schemas),
      },
    };
  if (contentType !== undefined) content[contentType] = { schema: {} };
  return { description: what, content };
}

/**
 * A schema as JSON; named schemas go into the document's components.
 * @throws {EngineError} E_INTERNAL for two schemas of one name: one would be described as the other
 */
function schemaJson(schema: z.ZodType, io: 'input' | 'output', schemas: Json): Json {
  const json = z.toJSONSchema(schema, { io, unrepresentable: 'any', override: describeField });
  const { $schema: _dialect, $defs = {}, ...own } = moveRefs(json);
  for (const [name, schema] of Object.entries($defs as Json)) {
    const text = JSON.stringify(schema);
    if (JSON.stringify((schemas[name] ??= schema)) !== text)
      throw new EngineError('E_INTERNAL', `openapi: two schemas are named ${name}`);
  }
  return own;
}

function moveRefs(json: Json): Json {
  return JSON.parse(JSON.stringify(json).replaceAll('"#/$defs/', `"${SCHEMA_PREFIX}`)) as Json;
}

/** Describes the fields of a request. */
function describeField({ zodSchema, jsonSchema }: { zodSchema: unknown; jsonSchema: Json }): void {
  const { properties } = jsonSchema as { properties?: Record<string, Json> };
  const isRequest = zodSchema instanceof z.ZodObject && zodSchema.shape['strict'] === strictField;
  if (properties === undefined || !isRequest) return;
  // Without the id: the named schema is the object, not its fields.
  for (const [name, property] of Object.entries(properties)) {
    const row = PARAMETERS[name];
    if (row === undefined) continue;
    property['description'] ??= row.what;
    if (row.isExtension === true) property['x-extension'] = true;
    if (isPassive(zodSchema, name)) property['x-no-effect'] = true;
  }
}
