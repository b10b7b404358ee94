/** The methods of MCP that are answered at once; tools/call is in stream-call.ts. */
import type { Caller } from '../../platform/caller.ts';
import { VERSION } from '../../platform/version.ts';
import { IMPLEMENTATION, isProtocolVersion, LATEST_VERSION } from '../../serving/mcp/protocol.ts';
import { listTools } from './tool-schemas.ts';

type Params = Readonly<Record<string, unknown>>;
type Method = (params: Params, caller: Caller) => object;

const INSTRUCTIONS =
  'Tools of a server of small open models: tasks on texts, searchable collections of documents, speech. ' +
  'Models are small: send short, complete texts, and one question at a time.';

export const METHODS: Readonly<Record<string, Method>> = {
  initialize: ({ protocolVersion }) => ({
    protocolVersion: isProtocolVersion(protocolVersion) ? protocolVersion : LATEST_VERSION,
    capabilities: { tools: {} },
    serverInfo: { ...IMPLEMENTATION, version: VERSION },
    instructions: INSTRUCTIONS,
  }),
  ping: () => ({}),
  'tools/list': (_params, caller) => ({ tools: listTools(caller) }),
};
