/**
 * What the import and its threads tell each other. A thread has no file open: it asks for ranges of a
 * tensor, so that views of tensors (transposed, shifted) are made in one place.
 */
import type { ErrorRecord } from '../../../engine/base/errors.ts';
import type { SourceTensor } from '../../../engine/formats/source-tensor.ts';
import type { ShardEntry } from './journal.ts';
import type { PlannedShard, PlannedTensor } from './shard-plan.ts';

/** A planned tensor as plain data: its source is asked for by the tensor's place in the shard. */
type SentTensor = Omit<PlannedTensor, 'tensor'> & {
  readonly tensor: Omit<SourceTensor, 'source'> & {
    readonly source: { readonly name: string; readonly bytes: number };
  };
};
export type SentShard = Omit<PlannedShard, 'tensors'> & { readonly tensors: readonly SentTensor[] };

export type ToThread =
  | { readonly kind: 'write'; readonly folder: string; readonly shard: SentShard }
  | { readonly kind: 'data'; readonly readId: number; readonly bytes: Uint8Array };

export type FromThread =
  | {
      readonly kind: 'read';
      readonly readId: number;
      readonly file: string;
      /** Index of the tensor in its shard. */
      readonly tensor: number;
      readonly offset: number;
      readonly length: number;
    }
  | { readonly kind: 'encoded'; readonly sourceBytes: number }
  | { readonly kind: 'written'; readonly entry: ShardEntry }
  | { readonly kind: 'failed'; readonly file: string; readonly failure: Failure };

/** A thrown error; system errors keep their code, by which a full disk is recognised. */
export type Failure =
  | { readonly kind: 'engine'; readonly record: ErrorRecord }
  | { readonly kind: 'system'; readonly code: string; readonly message: string };
