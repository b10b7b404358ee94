/** What a backup holds, kind by kind. Each kind is listed by keys of a bucket. */
import { SUBJECT_KEYS_PREFIX } from '../../access/content/key-file.ts';
import { listKeyId } from '../../access/key-ids.ts';
import { KEYS_PREFIX } from '../../access/key-record.ts';
import { subjectOf } from '../../platform/caller.ts';
import { KEPT_PREFIX } from '../../platform/storage/kept-list.ts';
import type { Portable } from '../../platform/storage/portable-object.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import type { BackupEnv } from './env.ts';

type ObjectsBinding =
  'SESSIONS' | 'RESPONSES' | 'RECORDS' | 'BATCHES' | 'COLLECTIONS' | 'ACCOUNTS' | 'SUBJECT_KEYS';

/** Of all these classes, what each of them can do. */
type PortableStub = DurableObjectStub<Rpc.DurableObjectBranded & Portable>;

export interface Kind {
  /** Where names are listed: keys of `bucket` after `prefix`, without `suffix`. */
  readonly bucket: 'FILES' | 'MODELS';
  readonly prefix: string;
  readonly suffix?: string;
  /** The name that a key after its prefix stands for; by default what is left without the suffix. */
  readonly nameOf?: (rest: string) => string;
  /** Puts a name on the list that it must be on, before it is written. */
  readonly announce?: (env: BackupEnv, name: string) => Promise<void>;
  /** Whether an empty object stands for something that was destroyed, and stays so. */
  readonly hasTombstones?: boolean;
  /** Binding of the objects with these names; absent where the bucket's objects are what is kept. */
  readonly objects?: ObjectsBinding;
}

/** Models are left out: they are pushed again. Lists come before what they list. */
export const KINDS = {
  keys: {
    ...{ bucket: 'MODELS', prefix: KEYS_PREFIX },
    announce: (env, name) => listKeyId(env.MODELS, name.replace(/\.json$/, '')),
  },
  policy: { bucket: 'MODELS', prefix: 'policy/' },
  files: { bucket: 'FILES', prefix: 'files/' },
  'list-of-batches': { bucket: 'FILES', prefix: 'batches/' },
  'list-of-collections': { bucket: 'FILES', prefix: 'collections/' },
  'list-of-kept': { bucket: 'FILES', prefix: KEPT_PREFIX },
  'keys-of-subjects': { bucket: 'FILES', prefix: SUBJECT_KEYS_PREFIX, hasTombstones: true },
  subjects: {
    ...{ bucket: 'FILES', prefix: SUBJECT_KEYS_PREFIX, objects: 'SUBJECT_KEYS' },
    nameOf: subjectOf,
  },
  accounts: { bucket: 'MODELS', prefix: KEYS_PREFIX, suffix: '.json', objects: 'ACCOUNTS' },
  sessions: { bucket: 'FILES', prefix: `${KEPT_PREFIX}session/`, objects: 'SESSIONS' },
  responses: { bucket: 'FILES', prefix: `${KEPT_PREFIX}response/`, objects: 'RESPONSES' },
  records: { bucket: 'FILES', prefix: `${KEPT_PREFIX}record/`, objects: 'RECORDS' },
  collections: { bucket: 'FILES', prefix: 'collections/', objects: 'COLLECTIONS' },
  batches: { bucket: 'FILES', prefix: 'batches/', objects: 'BATCHES' },
} as const satisfies Readonly<Record<string, Kind>>;

export type KindName = keyof typeof KINDS;
export const KIND_NAMES = Object.keys(KINDS) as KindName[];

/** @throws {EngineError} E_REQUEST_INVALID */
export function readKind(query: URLSearchParams): Kind {
  const text = query.get('kind') ?? '';
  const name = KIND_NAMES.find((kind) => kind === text);
  if (name !== undefined) return KINDS[name];
  throw invalidField(
    'kind',
    `expected one of ${KIND_NAMES.join(', ')}, got ${JSON.stringify(text.slice(0, 80))}`,
  );
}

/** R2's limit of a key. */
const MAX_NAME_BYTES = 1024;

/** @throws {EngineError} E_REQUEST_INVALID */
export function readName(query: URLSearchParams): string {
  const name = query.get('name') ?? '';
  if (name !== '' && name.length <= MAX_NAME_BYTES) return name;
  throw invalidField('name', 'expected a name of the list of its kind');
}

/** The object of a name; null where the bucket's objects are what is kept. */
export function objectOf(env: BackupEnv, { objects }: Kind, name: string): PortableStub | null {
  if (objects === undefined) return null;
  // Each class of these is a PortableObject.
  const namespace = env[objects] as DurableObjectNamespace as DurableObjectNamespace<
    Rpc.DurableObjectBranded & Portable
  >;
  return namespace.getByName(name);
}
