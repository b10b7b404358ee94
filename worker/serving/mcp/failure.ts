/** Why an MCP server gave no result. */

/** Codes of JSON-RPC and of HTTP where the server gave none. */
const FALLBACK_CODES = { protocol: -32603, http: 502 } as const;

/** `http`: it was not reached, or refused; `protocol`: what it answered is an error, or not MCP. */
export class McpFailure extends Error {
  readonly kind: keyof typeof FALLBACK_CODES;
  readonly code: number;

  constructor(kind: keyof typeof FALLBACK_CODES, message: string, code?: number) {
    super(message);
    this.kind = kind;
    this.code = code ?? FALLBACK_CODES[kind];
  }
}
