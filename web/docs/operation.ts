/** One operation as a section: what it takes, what it answers, examples. */
import { hasKey } from '../access/key.ts';
import { copyButton } from '../dom/copy.ts';
import { code, node } from '../dom/node.ts';
import type { OpenApiDocument, Operation, Schema } from './openapi.ts';
import { boundsOf, follow, typeOf } from './schema.ts';

/** The address in the examples of /openapi.json. */
const EXAMPLE_ORIGIN = 'http://localhost:8787';
const KEY_OPTION = '-H "authorization: Bearer $THIMBLE_KEY"';

export function drawOperation(
  document: OpenApiDocument,
  path: string,
  method: string,
  operation: Operation,
): HTMLElement {
  return node(
    'section',
    { id: operation.operationId },
    node('h3', {}, node('span', { className: 'method' }, method.toUpperCase()), ' ', code(path)),
    node('p', {}, `${operation.summary}.`, ' ', operation.description ?? ''),
    ...(operation.parameters ?? []).map((parameter) =>
      node('p', {}, code(parameter.name), ` (${parameter.in}): ${parameter.description}`),
    ),
    ...drawBody(document, operation),
    ...drawAnswers(document, operation),
    ...drawExamples(operation),
  );
}

function drawBody(document: OpenApiDocument, { requestBody }: Operation): HTMLElement[] {
  if (requestBody === undefined) return [];
  const { content, description = '' } = requestBody;
  return [
    node('h4', {}, 'Body'),
    ...Object.entries(content).flatMap(([type, { schema }]) => [
      node('p', {}, code(type)),
      fieldTable(document, schema),
    ]),
    ...(description === '' ? [] : [node('p', {}, description.replaceAll('`', ''))]),
  ];
}

function drawAnswers(document: OpenApiDocument, { responses }: Operation): HTMLElement[] {
  // The default response is the error shape, the same everywhere.
  const rows = Object.entries(responses).filter(([status]) => status !== 'default');
  return [
    node('h4', {}, 'Answer'),
    ...rows.flatMap(([status, { description, content = {} }]) => [
      node('p', {}, code(status), ` ${description}`),
      ...Object.entries(content).flatMap(([type, { schema }]) => [
        node('p', {}, code(type)),
        ...drawShape(document, schema.contentSchema ?? schema),
      ]),
    ]),
  ];
}

function drawShape(document: OpenApiDocument, shape: Schema): HTMLElement[] {
  if (follow(document, shape).properties === undefined) return [];
  return [node('details', {}, node('summary', {}, typeOf(shape)), fieldTable(document, shape))];
}

function drawExamples({ 'x-codeSamples': samples = [] }: Operation): HTMLElement[] {
  if (samples.length === 0) return [];
  return [
    node('h4', {}, 'Examples'),
    ...samples.flatMap(({ label, source }) => [
      node(
        'div',
        { className: 'bar' },
        label,
        copyButton('Copy', () => forThisServer(source)),
      ),
      node('pre', { className: 'example' }, forThisServer(source)),
    ]),
  ];
}

/** The command with this server's address; the key itself is never shown, only the variable that holds it. */
function forThisServer(curl: string): string {
  const command = curl.replaceAll(EXAMPLE_ORIGIN, location.origin);
  return hasKey() ? command.replace(/^curl/, () => `curl ${KEY_OPTION}`) : command;
}

function fieldTable(document: OpenApiDocument, schema: Schema): HTMLElement {
  const { properties = {}, required = [] } = follow(document, schema);
  const rows = Object.entries(properties).map(([name, field]) =>
    node(
      'tr',
      {},
      node('td', {}, code(name)),
      node('td', {}, code(typeOf(field)), ' ', boundsOf(field)),
      node(
        'td',
        {},
        ...badgesOf(field, required.includes(name)).flatMap((text) => [
          node('span', { className: 'badge' }, text),
          ' ',
        ]),
        field.description ?? '',
      ),
    ),
  );
  const head = ['field', 'type', 'meaning'].map((text) => node('th', { scope: 'col' }, text));
  return node(
    'div',
    { className: 'scroll' },
    node('table', {}, node('thead', {}, node('tr', {}, ...head)), node('tbody', {}, ...rows)),
  );
}

function badgesOf(field: Schema, isRequired: boolean): string[] {
  return [
    ...(isRequired ? ['required'] : []),
    ...(field['x-extension'] === true ? ['extension'] : []),
    ...(field['x-no-effect'] === true ? ['no effect'] : []),
  ];
}
