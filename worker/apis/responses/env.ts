/** Where stored responses are kept, and what may be asked of one. */
import { endpointWith } from '../../http/endpoint.ts';
import type { ServingEnv } from '../../serving/env.ts';

/** The object of one response. JSON as text, since RPC's types lose the shape. */
export interface StoredResponseObject extends Rpc.DurableObjectBranded {
  /** Runs a job (response-object.ts); answers as POST /v1/responses does. */
  fetch(request: Request): Promise<Response>;
  /** JSON of the response, or null. */
  read(): string | null;
  /** JSON of all that the response answers, the oldest first, or null. */
  readInput(): string | null;
  /** Ends a response that is being made; one that is done stays as it is. */
  cancel(): Promise<string | null>;
  remove(): Promise<boolean>;
}

export interface ResponsesEnv {
  readonly RESPONSES: DurableObjectNamespace<StoredResponseObject>;
}

export const defineResponseEndpoint = endpointWith<ServingEnv & ResponsesEnv>();
