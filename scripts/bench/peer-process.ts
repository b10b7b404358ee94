/** Child process of the bench: runs one peer and answers the parent's questions. */
import process from 'node:process';
import type { Peer, PeerAnswer, PeerConfig, PeerQuestion } from './peer.ts';
import { PEERS } from './peers.ts';

const [, , name = '', configJson = '{}'] = process.argv;

function answer(message: PeerAnswer): void {
  process.send?.(message);
}

async function reply(peer: Peer, question: PeerQuestion): Promise<PeerAnswer> {
  if (question.ask === 'finish') {
    const facts = await peer.finish();
    await peer.close();
    return { facts };
  }
  return { ms: await peer[question.ask](question.nTokens, question.round) };
}

try {
  const row = PEERS.find((peer) => peer.name === name);
  if (row === undefined) throw new Error(`no peer named ${name}`);
  const start = await row.start();
  const peer = await start(JSON.parse(configJson) as PeerConfig);
  process.on('message', (question: PeerQuestion) => {
    reply(peer, question).then(
      (message) => {
        answer(message);
        if ('facts' in message) setTimeout(() => process.exit(0), 50);
      },
      (error: unknown) => answer({ failed: String(error) }),
    );
  });
  process.on('disconnect', () => process.exit(1));
  answer({ ready: true });
} catch (error) {
  answer({ failed: error instanceof Error ? error.message : String(error) });
  setTimeout(() => process.exit(1), 50);
}
