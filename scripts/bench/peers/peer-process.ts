/** Child process of the bench: runs one peer and answers the parent's questions. */
import process from 'node:process';
import { SIGNALS } from '../../lib/interrupt.ts';
import { askPeer } from './ask.ts';
import type { Peer, PeerConfig, PeerMessage, PeerReply } from './peer.ts';
import { PEERS } from './peers.ts';

const [, , name = '', configJson = '{}'] = process.argv;
/** Closing a browser or workerd takes a moment; one that hangs is left to the system. */
const CLOSE_TIMEOUT_MS = 3_000;
let peer: Peer | null = null;
let closing = false;

function send(reply: PeerReply): void {
  process.send?.(reply);
}

/** Ends the peer with what it started (workerd, a browser), whoever asks. */
async function end(): Promise<void> {
  if (closing) return;
  closing = true;
  setTimeout(() => process.exit(1), CLOSE_TIMEOUT_MS);
  await peer?.close().catch(() => undefined);
  process.exit(0);
}

for (const signal of SIGNALS) process.on(signal, () => void end());
process.on('disconnect', () => void end());
process.on('message', (message: PeerMessage) => {
  askPeer(name, peer?.answers ?? {}, message).then(
    (given) => send({ answer: given }),
    (error: unknown) => send({ failed: error instanceof Error ? error.message : String(error) }),
  );
});

try {
  const row = PEERS.find((known) => known.name === name);
  if (row === undefined) throw new Error(`no peer named ${name}`);
  const start = await row.start();
  peer = await start(JSON.parse(configJson) as PeerConfig);
  if (closing) await peer.close();
  send({ ready: true });
} catch (error) {
  send({ failed: error instanceof Error ? error.message : String(error) });
  setTimeout(() => process.exit(1), 50);
}
