/**
 * The caller of a request. What it keeps on the server belongs to its subject: names of objects are made from
 * subject and name together, never from the contents of a request alone.
 */
import type { CallContext } from './failure.ts';

/** What a key may be allowed to do; `admin` includes all others. */
export const SCOPES = ['chat', 'embeddings', 'audio', 'retrieval', 'read', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

export interface Caller extends CallContext {
  /** Identity of the caller, once checked. */
  readonly subject: string;
  /** Name of the account that counts what the caller uses; null where nothing is counted. */
  readonly account: string | null;
  /** What the caller may do; null for everything. */
  readonly scopes: readonly Scope[] | null;
  /** Ids or aliases of the models that the caller may use; null for all. */
  readonly models: readonly string[] | null;
  /** What this request has reserved in the account; null for nothing. */
  readonly reservation: string | null;
}

/** The models that a caller may use. */
export type ModelAccess = Pick<Caller, 'models'>;

/** For what the server asks by itself, such as whether it is ready. */
export const EVERY_MODEL: ModelAccess = { models: null };

/** Subject of every caller where callers are not distinguished. */
export const ANONYMOUS = 'anonymous';

export function newRequestId(): string {
  return `req_${crypto.randomUUID().replaceAll('-', '')}`;
}

/** The caller of a new request by `subject`, who may do everything and is not counted. */
export function callerOf(subject: string, requestId: string = newRequestId()): Caller {
  return { subject, requestId, account: null, scopes: null, models: null, reservation: null };
}

/** Name of a caller's object. Subjects never share one: what precedes the first "/" is the subject. */
export function objectName({ subject }: Pick<Caller, 'subject'>, name: string): string {
  return `${encodeURIComponent(subject)}/${name}`;
}

/** The subject of an object's name. */
export function subjectOf(name: string): string {
  return decodeURIComponent(name.slice(0, name.indexOf('/')));
}

/** Whether a caller of these scopes may do what needs `scope`; null needs nothing. */
export function allows(scopes: readonly Scope[] | null, scope: Scope | null): boolean {
  return scopes === null || scope === null || scopes.includes(scope) || scopes.includes('admin');
}

/** Whether a caller may use a model, by any of its names. */
export function mayUse({ models }: ModelAccess, ...names: readonly string[]): boolean {
  return models === null || names.some((name) => models.includes(name));
}
