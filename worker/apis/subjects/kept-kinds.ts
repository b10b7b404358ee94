/** What a subject keeps, kind by kind: how it is listed and how it is deleted. */
import { countStored } from '../../access/gate.ts';
import { callerOf, objectName } from '../../platform/caller.ts';
import { forgetKept, keptNames } from '../../platform/storage/kept-list.ts';
import { listBatchIds, removeFromList } from '../batches/result-files.ts';
import { eraseTraining } from '../fine-tuning/ask-trainer.ts';
import { isJobId } from '../fine-tuning/trainer-protocol.ts';
import { deleteFile, listFileIds } from '../files/stored-file.ts';
import { collectionNames, collectionStub, forgetCollection } from '../retrieval/collection.ts';
import type { KeptEnv } from './env.ts';

/** Reads and deletes for one subject. */
export interface KeptContext {
  readonly env: KeptEnv;
  readonly subject: string;
}

interface KeptKindRow {
  /** The first `limit` names after `after`; all from the beginning with ''. */
  names(context: KeptContext, after: string, limit: number): Promise<string[]>;
  /** Deletes one; nothing happens where it is gone already. */
  remove(context: KeptContext, name: string): Promise<void>;
}

/** In the order in which they are deleted: a batch could still write files. */
export const KEPT_KINDS = {
  sessions: {
    names: ({ env, subject }, after, limit) =>
      keptNames(env.FILES, 'session', { subject }, after, limit),
    async remove({ env, subject }, name) {
      await env.SESSIONS.getByName(objectName({ subject }, name)).clear();
      await forgetKept(env.FILES, 'session', { subject }, name);
    },
  },
  responses: {
    names: ({ env, subject }, after, limit) =>
      keptNames(env.FILES, 'response', { subject }, after, limit),
    async remove({ env, subject }, name) {
      await env.RESPONSES.getByName(objectName({ subject }, name)).remove();
      await forgetKept(env.FILES, 'response', { subject }, name);
    },
  },
  records: {
    names: ({ env, subject }, after, limit) =>
      keptNames(env.FILES, 'record', { subject }, after, limit),
    async remove({ env, subject }, name) {
      // What a job has learned is of the subject's rows.
      if (isJobId(name)) await eraseTraining(env, name);
      await env.RECORDS.getByName(objectName({ subject }, name)).remove();
      await forgetKept(env.FILES, 'record', { subject }, name);
    },
  },
  batches: {
    async names({ env, subject }, after, limit) {
      const { ids } = await listBatchIds(
        env.FILES,
        { subject },
        limit,
        after === '' ? null : after,
      );
      return ids;
    },
    async remove({ env, subject }, id) {
      await env.BATCHES.getByName(objectName({ subject }, id)).remove();
      await removeFromList(env.FILES, { subject }, id);
    },
  },
  collections: {
    names: ({ env, subject }, after, limit) =>
      collectionNames(env, callerOf(subject), { after, limit }),
    async remove({ env, subject }, name) {
      const caller = callerOf(subject);
      await collectionStub(env, caller, name).clear();
      await forgetCollection(env, caller, name);
    },
  },
  files: {
    names: ({ env, subject }, after, limit) =>
      listFileIds(env.FILES, callerOf(subject), after, limit),
    async remove({ env, subject }, id) {
      const caller = callerOf(subject);
      const file = await deleteFile(env.FILES, caller, id);
      if (file !== null) await countStored(env, { ...caller, account: file.account }, -file.bytes);
    },
  },
} as const satisfies Readonly<Record<string, KeptKindRow>>;

export type KeptKindName = keyof typeof KEPT_KINDS;

export const KEPT_KIND_NAMES = Object.keys(KEPT_KINDS) as KeptKindName[];
