/** Bindings of conversations: their records, and the responses whose items they may refer to. */
import { endpointWith } from '../../http/endpoint.ts';
import type { ServingEnv } from '../../serving/env.ts';
import type { RecordsEnv } from '../records/env.ts';
import type { ResponsesEnv } from '../responses/env.ts';

export const defineConversationEndpoint = endpointWith<ServingEnv & ResponsesEnv & RecordsEnv>();
