/** What a request says of who asks: a key or a token, in a header or in a WebSocket's subprotocol. */
import { invalidKey, missingKey } from './errors.ts';

/** Browsers cannot give headers to a WebSocket; OpenAI's clients send a key as one of its subprotocols. */
const PROTOCOL_PREFIX = 'openai-insecure-api-key.';
const MAX_CREDENTIAL_CHARS = 8192;

/** @throws {EngineError} E_KEY_INVALID when there is none */
export function credentialOf({ headers }: Pick<Request, 'headers'>): string {
  const found = bearerOf(headers) ?? headers.get('x-api-key')?.trim() ?? protocolKey(headers);
  if (found === null || found === '') throw missingKey();
  if (found.length > MAX_CREDENTIAL_CHARS) throw invalidKey();
  return found;
}

function bearerOf(headers: Headers): string | null {
  return /^bearer +(\S+)\s*$/i.exec(headers.get('authorization') ?? '')?.[1] ?? null;
}

function protocolKey(headers: Headers): string | null {
  if (headers.get('upgrade')?.toLowerCase() !== 'websocket') return null;
  const key = protocolsOf(headers).find((name) => name.startsWith(PROTOCOL_PREFIX));
  return key?.slice(PROTOCOL_PREFIX.length) ?? null;
}

/** The subprotocol that the server agrees to: the first that is not a key, which must not be sent back. */
export function agreedProtocol({ headers }: Pick<Request, 'headers'>): string | null {
  return protocolsOf(headers).find((name) => !name.startsWith(PROTOCOL_PREFIX)) ?? null;
}

function protocolsOf(headers: Headers): string[] {
  const text = headers.get('sec-websocket-protocol') ?? '';
  return text === '' ? [] : text.split(',').map((name) => name.trim());
}
