/** Bindings of sessions. */
import { endpointWith } from '../../http/endpoint.ts';
import type { ServingEnv } from '../../serving/env.ts';
import type { Session } from './session-object.ts';

export interface SessionsEnv {
  readonly SESSIONS: DurableObjectNamespace<Session>;
}

export const defineSessionEndpoint = endpointWith<ServingEnv & SessionsEnv>();
