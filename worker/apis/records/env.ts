/** Bindings of records, and the interface of their objects. */
import type { Portable } from '../../platform/storage/portable-object.ts';
import type { CallContext } from '../../platform/failure.ts';
import type { RpcAnswer } from '../../platform/rpc.ts';

/** Whose record it is, and its id. */
export interface RecordOwner extends CallContext {
  readonly subject: string;
  readonly id: string;
}

/** An item as JSON, and the id in it. */
export interface RecordItem {
  readonly id: string;
  readonly json: string;
}

/**
 * A record of a subject: a conversation, a stored chat completion, or what is known of a vector store. Its head and its
 * items are JSON, which the APIs shape.
 */
export interface StoredRecordObject extends Rpc.DurableObjectBranded, Portable {
  /** Replaces the head, and the items unless they are null; makes the record where there is none. */
  write(
    owner: RecordOwner,
    head: string,
    items: readonly RecordItem[] | null,
    keptMs: number | null,
  ): Promise<RpcAnswer<null>>;
  /** Replaces the head. @returns whether there is a record */
  update(owner: RecordOwner, head: string): Promise<RpcAnswer<boolean>>;
  /** Adds items at the end. @returns whether there is a record */
  append(owner: RecordOwner, items: readonly RecordItem[]): Promise<RpcAnswer<boolean>>;
  /** @returns JSON of the head; null when there is no record */
  read(): Promise<string | null>;
  /** @returns JSON of the list of items, the oldest first; null when there is no record */
  readItems(): Promise<string | null>;
  /** @returns whether the item was there */
  removeItem(id: string): Promise<boolean>;
  /** @returns whether there was a record */
  remove(): Promise<boolean>;
}

export interface RecordsEnv {
  readonly RECORDS: DurableObjectNamespace<StoredRecordObject>;
}
