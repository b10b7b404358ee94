/** Single tries to reach what somebody else keeps: by paths that take ids, by fields that name something, by lists. */
import { ENDPOINTS } from '../../../worker/gateway/endpoints.ts';
import type { EndpointFacts } from '../../../worker/http/endpoint.ts';
import type { KeyClient } from '../../lib/key-client.ts';
import type { Holdings } from './holdings.ts';

/** What a try asks, and what of the answer says that something was reached. */
export interface Try {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly body?: object;
}

/** Routes that take an id of something that a caller keeps. Models are everybody's. */
export const ID_ROUTES: readonly EndpointFacts[] = ENDPOINTS.filter(
  ({ path, tag }) => path.includes(':') && tag !== 'models' && tag !== 'onnx',
);

const LISTS = [
  '/v1/files',
  '/v1/batches',
  '/v1/collections',
  '/v1/chat/completions',
  '/v1/vector_stores',
  '/v1/messages/batches',
  '/v1/fine_tuning/jobs',
];

/** Bodies that the routes accept. */
const BODIES: Readonly<Record<string, object>> = {
  addCollectionDocuments: { documents: [{ id: 'x', content: 'x' }] },
  searchCollection: { query: 'x' },
  updateVectorStore: { name: 'x' },
  searchVectorStore: { query: 'x' },
  addVectorStoreFile: { file_id: 'x' },
  updateVectorStoreFile: { attributes: { x: 1 } },
  updateConversation: { metadata: {} },
  updateSession: { allow_training: false },
  rateTurn: { turn: 1, rating: 'up' },
  updateChatCompletion: { metadata: {} },
  addConversationItems: { items: [{ role: 'user', content: 'x' }] },
};

/** Second ids that are nobody's secret: every session has a first answer. */
const NUMBERS: Readonly<Record<string, string>> = { ':turn': '1' };

/** Requests with a field that names something kept. */
const FIELDS: Readonly<Record<string, (id: string) => { path: string; body: object }>> = {
  '/v1/responses/:id': (id) => ({
    path: '/v1/responses',
    body: { input: 'a', max_output_tokens: 1, previous_response_id: id },
  }),
  '/v1/conversations/:id': (id) => ({
    path: '/v1/responses',
    body: { input: 'a', max_output_tokens: 1, conversation: id },
  }),
  '/v1/vector_stores/:id': (id) => ({
    path: '/v1/responses',
    body: {
      ...{ input: 'a', max_output_tokens: 1 },
      tools: [{ type: 'file_search', vector_store_ids: [id] }],
    },
  }),
  ':item': (id) => ({
    path: '/v1/responses',
    body: { input: [{ type: 'item_reference', id }], max_output_tokens: 1 },
  }),
  '/v1/collections/:name': (id) => ({
    path: '/v1/chat/completions',
    body: {
      messages: [{ role: 'user', content: 'a' }],
      ...{ max_tokens: 1, retrieval: { collection: id } },
    },
  }),
  '/v1/files/:id': (id) => ({
    path: '/v1/batches',
    body: { endpoint: '/v1/completions', completion_window: '24h', input_file_id: id },
  }),
};

/** Routes that take an id of what is kept: without a trainer a server has no job. */
export const heldRoutes = (holdings: Holdings): readonly EndpointFacts[] =>
  ID_ROUTES.filter((row) => idsOf(row, holdings).length > 0);

/** Ids that a route takes; none for a kind of which nothing is kept. */
export function idsOf({ path }: EndpointFacts, holdings: Holdings): string[] {
  const prefix = Object.keys(holdings).find((kind) => path.startsWith(kind));
  const second = /:\w+.*(:\w+)/.exec(path)?.[1] ?? '';
  return prefix === undefined
    ? []
    : [holdings[prefix]!, NUMBERS[second] ?? holdings[second] ?? holdings[':document']!];
}

export function routeTry(row: EndpointFacts, ids: readonly string[]): Try {
  let n = 0;
  const path = row.path.replaceAll(/:\w+/g, () => encodeURIComponent(ids[n++] ?? 'none'));
  const body = row.method === 'POST' ? { body: BODIES[row.name] ?? {} } : {};
  return { name: row.name, method: row.method, path, ...body };
}

/** The fields that name something, with ids as `guess` makes them. */
export function fieldTries(holdings: Holdings, guess: (id: string) => string): Try[] {
  return Object.entries(FIELDS).map(([kind, make]) => {
    const { path, body } = make(guess(holdings[kind]!));
    return { name: `field of ${path}`, method: 'POST', path, body };
  });
}

export function listTries(holdings: Holdings, guess: (id: string) => string): Try[] {
  return LISTS.flatMap((path) => {
    const id = Object.entries(holdings).find(([kind]) => kind.startsWith(`${path}/`))?.[1];
    if (id === undefined) return [];
    const after = encodeURIComponent(guess(id));
    return [path, `${path}?after=${after}`, `${path}?limit=100`].map((listed) => ({
      ...{ name: `list ${path}`, method: 'GET', path: listed },
    }));
  });
}

/**
 * What of somebody else an answer to a try holds; null for nothing. A path or a field may be refused (400), not be
 * found (404) or not be a route (405); a list has no entry.
 * @param secrets texts that stand in everything of the other; what the try itself said may be said again
 */
export async function seek(
  client: KeyClient,
  { name, method, path, body }: Try,
  secrets: readonly string[],
): Promise<string | null> {
  const { status, text } = await client.ask(path, body, method);
  const said = decodeURIComponent(path) + JSON.stringify(body ?? {});
  const told = secrets.find((secret) => text.includes(secret) && !said.includes(secret));
  if (told !== undefined) return `${name} ${path}: says ${told}`;
  if (status >= 500) return `${name} ${path}: ${status} ${text.slice(0, 200)}`;
  if (!name.startsWith('list')) {
    const isRefused = [400, 404, 405].includes(status);
    return isRefused ? null : `${name} ${path}: ${status} ${text.slice(0, 200)}`;
  }
  const { data = [] } = JSON.parse(text) as { data?: readonly unknown[] };
  return data.length === 0 ? null : `${name} ${path}: ${data.length} entries`;
}
