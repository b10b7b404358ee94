/** `thimble caption`: a picture in a server's words. */
import type { Command } from 'commander';
import { parseCount } from '../lib/arguments.ts';
import { DEFAULT_SERVER_URL } from '../lib/ask-server.ts';
import { askPicture, type PictureFlags } from './ask-picture.ts';

const EXAMPLES = `
Examples:
  thimble caption photo.jpg
  thimble caption photo.jpg -m thimble-mini --json
`;

export function register(program: Command): void {
  program
    .command('caption')
    .summary('describe a picture on a server')
    .description(
      'Describes a picture (PNG, JPEG, GIF or WebP): what the model sees, where it has eyes, or says of what programs ' +
        'find in it.',
    )
    .argument('<picture>', 'file of the picture')
    .option('--url <url>', 'address of the server', DEFAULT_SERVER_URL)
    .option('-m, --model <id>', "a text model of the server (default: the server's)")
    .option('--max-tokens <n>', 'maximum tokens of the answer', parseCount(1))
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action((path: string, flags: PictureFlags) =>
      askPicture('caption', { name: 'caption' }, path, flags),
    );
}
