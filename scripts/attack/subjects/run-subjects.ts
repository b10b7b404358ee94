/** Many tries of one subject to reach what another keeps, and a look at what that other has afterwards. */
import { createKey } from '../../push/keys.ts';
import { KeyClient } from '../../lib/key-client.ts';
import { SeededRandom } from '../../lib/seeded-random.ts';
import type { OwnServer } from '../../dev/own-server.ts';
import { SCOPES } from '../../../worker/platform/caller.ts';
import { probeCache } from './cached.ts';
import type { CacheProbes } from './cached.ts';
import { GUESSES } from './guesses.ts';
import { keepEverything } from './holdings.ts';
import type { Holdings } from './holdings.ts';
import { fieldTries, heldRoutes, idsOf, listTries, routeTry, seek } from './seek.ts';
import type { Try } from './seek.ts';

export interface SeekOptions {
  readonly nTry: number;
  readonly seed: number;
  /** Whether both keys are of one subject. Then everything is found, which shows that the search would see it. */
  readonly isShared?: boolean;
  readonly onProgress?: (line: string) => void;
}

export interface SeekResult {
  readonly nTry: number;
  readonly nRoute: number;
  readonly cache: CacheProbes;
  /** At most `MAX_PROBLEMS`; empty when nothing of the other was reached, changed or lost. */
  readonly problems: readonly string[];
}

const N_PARALLEL = 16;
const N_CACHE_PROBE = 50;
const MAX_PROBLEMS = 20;
/** Tries between two lines of progress. */
const PROGRESS_TRIES = 10_000;
/** Part of the tries that names something in a field, and that reads a list. */
const FIELD_PART = 0.05;
const LIST_PART = 0.05;

interface Party {
  readonly subject: string;
  readonly client: KeyClient;
}

export async function seekAll(server: OwnServer, options: SeekOptions): Promise<SeekResult> {
  const { nTry, seed, isShared = false, onProgress = () => undefined } = options;
  const random = new SeededRandom(seed);
  const [owner, other] = await makeParties(server, isShared);
  const word = random.word();
  const kept = await keepEverything(owner.client, owner.subject, word);
  // Who is of the same subject may erase it, and nothing else would be left to be found.
  const holdings = isShared ? { ...kept, '/v1/subjects/:id': 'nobody' } : kept;
  const before = await readAll(owner.client, holdings);
  // Ids the server made hold no word; the key's id is the subject.
  const secrets = [word, owner.subject, ...Object.values(holdings)];

  const problems: string[] = [];
  let nDone = 0;
  const work = async (): Promise<void> => {
    while (nDone < nTry && problems.length < MAX_PROBLEMS) {
      nDone++;
      if (nDone % PROGRESS_TRIES === 0) onProgress(`${nDone} tries, ${problems.length} found`);
      const found = await seek(other.client, nextTry(holdings, owner.subject, random), secrets);
      if (found !== null) problems.push(found);
    }
  };
  await Promise.all(Array.from({ length: N_PARALLEL }, work));

  problems.push(...(await sharedSession(other.client, holdings, word)));
  const after = await readAll(owner.client, holdings);
  for (const [path, text] of before)
    if (after.get(path) !== text) problems.push(`${path} of the owner is not what it was`);
  const cache = await probeCache(owner.client, other.client, random, N_CACHE_PROBE);
  if (cache.nCached > 0) problems.push(`${cache.nCached} prompts of the other were cached`);
  if (cache.ownCachedTokens === 0)
    problems.push('no own prompt was cached: the probe sees nothing');
  return { nTry: nDone, nRoute: heldRoutes(kept).length, cache, problems };
}

/** Two keys without limits. */
async function makeParties(server: OwnServer, isShared: boolean): Promise<[Party, Party]> {
  const bucket = await server.openBucket();
  const unlimited = { requestsPerMinute: null, tokensPerMinute: null, tokensPerDay: null };
  const make = async (name: string): Promise<Party> => {
    const { key, record } = await createKey(bucket, {
      ...{ name, scopes: SCOPES.filter((scope) => scope !== 'admin'), models: null },
      ...{ expiresAt: null, limits: unlimited },
      ...(isShared ? { subject: 'shared' } : {}),
    });
    return { subject: record.subject, client: new KeyClient(server.url, key) };
  };
  try {
    return [await make('owner'), await make('other')];
  } finally {
    await bucket.close();
  }
}

function nextTry(holdings: Holdings, subject: string, random: SeededRandom): Try {
  const pick = <T>(items: readonly T[]): T => items[random.integer(0, items.length - 1)]!;
  const way = pick(GUESSES);
  const guess = (id: string): string => way.make(id, subject, random);
  const part = random.next();
  if (part < FIELD_PART) return pick(fieldTries(holdings, guess));
  if (part < FIELD_PART + LIST_PART) return pick(listTries(holdings, guess));
  const row = pick(heldRoutes(holdings));
  const [first = '', second = ''] = idsOf(row, holdings);
  return routeTry(row, [guess(first), random.chance(0.5) ? second : guess(second)]);
}

/** A session of the same name is another session: it holds nothing of the other's. */
async function sharedSession(
  client: KeyClient,
  holdings: Holdings,
  word: string,
): Promise<string[]> {
  const session = holdings['/v1/sessions/:id']!;
  const messages = [{ role: 'user', content: 'Hello' }];
  await client.ask('/v1/chat/completions', { messages, max_tokens: 1, session });
  const { text } = await client.ask(`/v1/sessions/${session}`);
  return text.replaceAll(session, '').includes(word)
    ? ['a session of the same name is shared']
    : [];
}

/** Everything that the owner can read, by path. A batch goes on, an export has its time: they only have to be there. */
async function readAll(client: KeyClient, holdings: Holdings): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const row of heldRoutes(holdings).filter(({ method }) => method === 'GET')) {
    const { path } = routeTry(row, idsOf(row, holdings));
    const { status, text } = await client.ask(path);
    const changes = row.tag === 'batches' || row.tag === 'subjects';
    texts.set(path, changes ? String(status) : `${status} ${text}`);
  }
  return texts;
}
