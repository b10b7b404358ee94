/** `thimble subjects`: everything that a server keeps for a subject, exported and erased. */
import { createWriteStream } from 'node:fs';
import process from 'node:process';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { ReceiptJson } from '../../worker/apis/subjects/schema.ts';
import { askServer, DEFAULT_SERVER_URL, serverAddress, streamServer } from '../lib/ask-server.ts';
import { interruptSignal } from '../lib/interrupt.ts';

interface SubjectsFlags {
  readonly url: string;
}

/** Between two questions whether an erasure has finished. */
const PAUSE_MS = 1000;

const EXAMPLES = `
Examples:
  thimble subjects export 0123456789abcdef --url https://thimble.example.workers.dev --out ada.ndjson
  thimble subjects erase 0123456789abcdef --url https://thimble.example.workers.dev
  thimble subjects export me                          (what belongs to the key in THIMBLE_API_KEY)
`;

export function register(program: Command): void {
  const subjects = program
    .command('subjects')
    .summary('export or erase what is kept for a subject')
    .description(
      'Exports or erases everything that a server keeps for a subject: the owner of a key, whose id is the ' +
        "key's unless it was made with --subject. The key in THIMBLE_API_KEY is of the subject itself, or has the scope admin.",
    )
    .addHelpText('after', EXAMPLES);
  withUrl(
    subjects
      .command('export <id>')
      .description('Writes one JSON object a line: sessions, responses, files and the rest.')
      .option('--out <file>', 'write into a file, which must not exist yet'),
  ).action(async (id: string, flags: SubjectsFlags & { readonly out?: string }) => {
    const lines = Readable.from(await streamServer(addressOf(flags, id, '/export')));
    const to =
      flags.out === undefined ? process.stdout : createWriteStream(flags.out, { flags: 'wx' });
    await pipeline(lines, to, { end: flags.out !== undefined });
  });
  withUrl(
    subjects
      .command('erase <id>')
      .description(
        'Destroys the key of a subject, deletes all that it has sealed, and prints the receipt.',
      ),
  ).action(async (id: string, flags: SubjectsFlags) => {
    const url = addressOf(flags, id);
    const erase = async () => (await askServer(url, undefined, 'DELETE')) as unknown as ReceiptJson;
    let receipt = await erase();
    while (receipt.status !== 'erased') {
      await sleep(PAUSE_MS, undefined, { signal: interruptSignal });
      receipt = await erase();
    }
    process.stdout.write(`${JSON.stringify(receipt, null, 1)}\n`);
  });
}

function withUrl(command: Command): Command {
  return command.option('--url <url>', 'address of the server', DEFAULT_SERVER_URL);
}

function addressOf({ url }: SubjectsFlags, id: string, more = ''): URL {
  return serverAddress(url, `/v1/subjects/${encodeURIComponent(id)}${more}`, 'subjects');
}
