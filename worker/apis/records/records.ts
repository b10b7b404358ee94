/** The gateway's access to records: objects by checked id, and their list. */
import type { Caller } from '../../platform/caller.ts';
import { objectName } from '../../platform/caller.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { ask } from '../../platform/rpc.ts';
import { keptNames } from '../../platform/storage/kept-list.ts';
import { isObjectId } from '../../platform/storage/object-id.ts';
import type { FilesEnv } from '../files/env.ts';
import type { RecordItem, RecordsEnv, StoredRecordObject } from './env.ts';

/** Prefixes of ids, and what the records are called. */
export const RECORD_KINDS = {
  conversation: 'conv_',
  completion: 'chatcmpl-',
  'vector store': 'vs_',
  'fine-tuning job': 'ftjob-',
} as const;
export type RecordKind = keyof typeof RECORD_KINDS;

type Stub = DurableObjectStub<StoredRecordObject>;

export const isRecordId = (kind: RecordKind, id: string): boolean =>
  isObjectId(RECORD_KINDS[kind], id);

export function recordStub(env: RecordsEnv, caller: Pick<Caller, 'subject'>, id: string): Stub {
  return env.RECORDS.getByName(objectName(caller, id));
}

const ownerOf = ({ subject, requestId }: Caller, id: string) => ({ subject, requestId, id });

/** @param keptMs how long it is kept at most; null where only the deployment's limit counts */
export async function writeRecord(
  env: RecordsEnv,
  caller: Caller,
  id: string,
  head: object,
  items: readonly { readonly id: string }[] | null,
  keptMs: number | null = null,
): Promise<void> {
  const rows = items === null ? null : items.map(recordItem);
  const json = JSON.stringify(head);
  await ask('records', () =>
    recordStub(env, caller, id).write(ownerOf(caller, id), json, rows, keptMs),
  );
}

/** @throws {EngineError} E_NOT_FOUND */
export async function updateRecord(
  env: RecordsEnv,
  caller: Caller,
  kind: RecordKind,
  id: string,
  head: object,
): Promise<void> {
  const stub = recordStub(env, caller, id);
  const json = JSON.stringify(head);
  const found = await ask<boolean>('records', () => stub.update(ownerOf(caller, id), json));
  if (!found) throw recordNotFound(kind, id);
}

/** @throws {EngineError} E_NOT_FOUND */
export async function appendItems(
  env: RecordsEnv,
  caller: Caller,
  kind: RecordKind,
  id: string,
  items: readonly { readonly id: string }[],
): Promise<void> {
  const stub = recordStub(env, caller, id);
  const rows = items.map(recordItem);
  const found = await ask<boolean>('records', () => stub.append(ownerOf(caller, id), rows));
  if (!found) throw recordNotFound(kind, id);
}

const recordItem = (item: { readonly id: string }): RecordItem => ({
  id: item.id,
  json: JSON.stringify(item),
});

/** @throws {EngineError} E_NOT_FOUND */
export async function readRecord<Head>(
  env: RecordsEnv,
  caller: Pick<Caller, 'subject'>,
  kind: RecordKind,
  id: string,
): Promise<Head> {
  const text = isRecordId(kind, id) ? await recordStub(env, caller, id).read() : null;
  if (text === null) throw recordNotFound(kind, id);
  return JSON.parse(text) as Head;
}

/** @throws {EngineError} E_NOT_FOUND */
export async function readItems<Item>(
  env: RecordsEnv,
  caller: Pick<Caller, 'subject'>,
  kind: RecordKind,
  id: string,
): Promise<Item[]> {
  const text = isRecordId(kind, id) ? await recordStub(env, caller, id).readItems() : null;
  if (text === null) throw recordNotFound(kind, id);
  return JSON.parse(text) as Item[];
}

/** @throws {EngineError} E_NOT_FOUND */
export async function removeRecord(
  env: RecordsEnv,
  caller: Pick<Caller, 'subject'>,
  kind: RecordKind,
  id: string,
): Promise<void> {
  const found = isRecordId(kind, id) && (await recordStub(env, caller, id).remove());
  if (!found) throw recordNotFound(kind, id);
}

/** Ids of a kind, the newest first, after an id unless it is ''. */
export async function recordIds(
  env: Pick<FilesEnv, 'FILES'>,
  caller: Pick<Caller, 'subject'>,
  kind: RecordKind,
  after: string,
  limit: number,
): Promise<string[]> {
  const prefix = RECORD_KINDS[kind];
  // Names of other kinds lie before and after.
  const from = after === '' ? prefix : after;
  const names = await keptNames(env.FILES, 'record', caller, from, limit);
  return names.filter((name) => name.startsWith(prefix));
}

export function recordNotFound(kind: RecordKind, id: string): EngineError {
  return new EngineError(
    'E_NOT_FOUND',
    `${kind}: no ${kind} ${JSON.stringify(id.slice(0, 80))}; it was deleted, is too old, or was not stored.`,
    { param: 'id' },
  );
}
