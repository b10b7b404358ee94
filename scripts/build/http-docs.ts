/**
 * The tables of docs/http.md, from the table of endpoints and its schemas. Run to write them:
 * node scripts/build/http-docs.ts; a test fails when they are out of date.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import process from 'node:process';
import type { EndpointFacts } from '../../worker/http/endpoint.ts';
import { ENDPOINTS } from '../../worker/gateway/endpoints.ts';
import { PARAMETERS } from '../../worker/http/openapi/parameters.ts';
import { isPassive } from '../../worker/serving/fields/passive.ts';
import { repoRoot } from '../lib/paths.ts';
import { markdownTable, replaceRegion } from './doc-tables.ts';
import type { DocRegion } from './doc-tables.ts';

const DOCUMENT = join(repoRoot, 'docs/http.md');

/** Columns of the table of parameters: endpoints by name. */
const COLUMNS: Readonly<Record<string, string>> = {
  chatCompletions: 'chat',
  completions: 'completions',
  createResponse: 'responses',
  messages: 'messages',
};

/** The document with both tables as the endpoints now define them. */
export function updateHttpDocs(document: string): string {
  const withEndpoints = replaceRegion(document, regionOf('endpoints'), endpointTable());
  return replaceRegion(withEndpoints, regionOf('parameters'), parameterTable());
}

function regionOf(name: string): DocRegion {
  return { document: 'docs/http.md', name, script: 'scripts/build/http-docs.ts' };
}

function endpointTable(): string {
  return markdownTable(
    ['address', 'scope', 'what'],
    ENDPOINTS.map(({ method, path, scope, summary }) => [
      `\`${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}\``,
      scope === null ? 'none' : `\`${scope}\``,
      summary,
    ]),
  );
}

function parameterTable(): string {
  const endpoints = Object.keys(COLUMNS).map((name) => {
    const found = ENDPOINTS.find((endpoint) => endpoint.name === name);
    if (found === undefined) throw new Error(`no endpoint ${name}`);
    return found;
  });
  const names = new Set(
    endpoints.flatMap(({ body, refused = [] }) => [
      ...Object.keys(body?.shape ?? {}),
      ...refused.map(({ name }) => name),
    ]),
  );
  return markdownTable(
    ['name', ...Object.values(COLUMNS), 'what'],
    [...names]
      .toSorted()
      .map((name) => [
        `\`${name}\``,
        ...endpoints.map((endpoint) => support(endpoint, name)),
        describe(endpoints, name),
      ]),
  );
}

function support({ body, refused = [] }: EndpointFacts, name: string): string {
  if (refused.some((row) => row.name === name)) return 'refused';
  if (body === undefined || !Object.hasOwn(body.shape, name)) return '';
  return isPassive(body, name) ? 'no effect' : 'yes';
}

function describe(endpoints: readonly EndpointFacts[], name: string): string {
  const row = PARAMETERS[name];
  const known =
    row === undefined ? '' : `${row.isExtension === true ? 'extension: ' : ''}${row.what}`;
  const passes = endpoints
    .flatMap(({ refused = [] }) => refused)
    .filter((one) => one.name === name)
    .flatMap((one) => (one.passes === undefined ? [] : [`\`${one.passes.text}\``]));
  const allowed = [...new Set(passes)].join(', ');
  return [known, allowed === '' ? '' : `where refused, ${allowed} passes`]
    .filter(Boolean)
    .join('; ');
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(DOCUMENT, updateHttpDocs(readFileSync(DOCUMENT, 'utf8')));
