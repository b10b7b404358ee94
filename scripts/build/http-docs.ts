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
import { isPassive, PARAMETERS } from '../../worker/http/openapi/parameters.ts';
import { repoRoot } from '../lib/paths.ts';

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
  const withEndpoints = replaceRegion(document, 'endpoints', endpointTable());
  return replaceRegion(withEndpoints, 'parameters', parameterTable());
}

function endpointTable(): string {
  return table(
    ['address', 'what'],
    ENDPOINTS.map(({ method, path, summary }) => [
      `\`${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}\``,
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
  return table(
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

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Prettier would widen the tables: they are left as they are made. */
function replaceRegion(document: string, name: string, text: string): string {
  const begin = `<!-- ${name}:begin (written by node scripts/build/http-docs.ts) -->`;
  const end = `<!-- ${name}:end -->`;
  const from = document.indexOf(begin);
  const to = document.indexOf(end);
  if (from < 0 || to < from) throw new Error(`docs/http.md: no region "${name}"`);
  const inner = `\n\n<!-- prettier-ignore-start -->\n\n${text}\n\n<!-- prettier-ignore-end -->\n\n`;
  return document.slice(0, from + begin.length) + inner + document.slice(to);
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(DOCUMENT, updateHttpDocs(readFileSync(DOCUMENT, 'utf8')));
