/** Bindings of backups: all that keeps something. */
import { endpointWith } from '../../http/endpoint.ts';
import type { BatchesEnv } from '../batches/env.ts';
import type { RecordsEnv } from '../records/env.ts';
import type { ResponsesEnv } from '../responses/env.ts';
import type { CollectionsEnv } from '../retrieval/env.ts';
import type { SessionsEnv } from '../sessions/env.ts';

export type BackupEnv = BatchesEnv & ResponsesEnv & CollectionsEnv & SessionsEnv & RecordsEnv;

export const defineBackupEndpoint = endpointWith<BackupEnv>();
