/** Bindings of stored responses, and the interface of their objects. */
import { endpointWith } from '../../http/endpoint.ts';
import type { Portable } from '../../platform/storage/portable-object.ts';
import type { VectorStoresEnv } from '../vector-stores/env.ts';

/** The object of one response. Its JSON is a string, since RPC's types lose the shape. */
export interface StoredResponseObject extends Rpc.DurableObjectBranded, Portable {
  /** Runs a job (response-object.ts); answers like POST /v1/responses. */
  fetch(request: Request): Promise<Response>;
  /** @returns JSON of the response; null when there is none */
  read(): Promise<string | null>;
  /** @returns JSON of the whole input of the response, the oldest item first; null when there is none */
  readInput(): Promise<string | null>;
  /** @returns JSON of the placeholders of the conversation with their values */
  readRedactions(): Promise<string>;
  /** Cancels a response in progress; a finished one does not change. */
  cancel(): Promise<string | null>;
  remove(): Promise<boolean>;
}

export interface ResponsesEnv {
  readonly RESPONSES: DurableObjectNamespace<StoredResponseObject>;
}

export const defineResponseEndpoint = endpointWith<ResponsesEnv & VectorStoresEnv>();
