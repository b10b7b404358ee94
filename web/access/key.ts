/** The key of a server that asks for one: kept for this tab only, and asked for when the server wants another. */

const STORED_AS = 'thimble-key';
/** Browsers cannot give headers to a WebSocket; OpenAI's clients send a key so, too. */
const PROTOCOL_PREFIX = 'openai-insecure-api-key.';
/** What the server agrees to, since it never sends a key back. */
const PROTOCOL = 'realtime';
const REFUSED = 401;

/** Like `fetch`, with the key; asks for one when the server does, until it is right or nobody gives one. */
export async function fetchWithKey(path: string, init: RequestInit = {}): Promise<Response> {
  for (;;) {
    const headers = new Headers(init.headers);
    const key = sessionStorage.getItem(STORED_AS);
    if (key !== null) headers.set('authorization', `Bearer ${key}`);
    const response = await fetch(path, { ...init, headers });
    if (response.status !== REFUSED) return response;
    // Another request may have asked meanwhile.
    if (sessionStorage.getItem(STORED_AS) !== key) continue;
    if (!(await askForKey(key !== null))) return response;
  }
}

/** Whether this tab has a key. */
export function hasKey(): boolean {
  return sessionStorage.getItem(STORED_AS) !== null;
}

/** Subprotocols of a WebSocket that say the key; none without one. */
export function keyProtocols(): string[] {
  const key = sessionStorage.getItem(STORED_AS);
  return key === null ? [] : [PROTOCOL, PROTOCOL_PREFIX + key];
}

let asking: Promise<boolean> | null = null;

/** One dialog for all requests that wait. @returns false when nobody gave a key */
function askForKey(wasWrong: boolean): Promise<boolean> {
  asking ??= openDialog(wasWrong).finally(() => (asking = null));
  return asking;
}

async function openDialog(wasWrong: boolean): Promise<boolean> {
  const input = document.createElement('input');
  Object.assign(input, { type: 'password', id: 'key', autocomplete: 'off', required: true });
  const label = document.createElement('label');
  label.append(
    wasWrong ? 'The server does not take this key. Another one: ' : 'The key of this server: ',
    input,
  );
  const button = document.createElement('button');
  button.textContent = 'Use';
  const form = document.createElement('form');
  form.append(label, ' ', button);
  const dialog = document.createElement('dialog');
  dialog.append(form);
  document.body.append(dialog);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    sessionStorage.setItem(STORED_AS, input.value.trim());
    resolve(true);
  });
  dialog.addEventListener('cancel', () => resolve(false));
  dialog.showModal();
  const isGiven = await promise;
  dialog.remove();
  return isGiven;
}
