/** `thimble look`: what a server reads in a picture, or its answer to a question about it. */
import process from 'node:process';
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import { parseCount } from '../lib/arguments.ts';
import { askServer, DEFAULT_SERVER_URL, serverAddress } from '../lib/ask-server.ts';
import { pictureUrlOf } from '../lib/picture-file.ts';

interface LookFlags {
  readonly url: string;
  readonly model?: string;
  readonly maxTokens: number;
  readonly text?: boolean;
  readonly json?: boolean;
}

interface Seen {
  readonly description: string;
  readonly text?: readonly { readonly text: string }[];
}

const DEFAULT_MAX_TOKENS = 200;

const EXAMPLES = `
Examples:
  thimble look receipt.jpg                        (what programs find in it)
  thimble look receipt.jpg --text                 (the text in it alone)
  thimble look receipt.jpg "What is the total?"   (read first, then answered)
`;

export function register(program: Command): void {
  program
    .command('look')
    .summary('read a picture on a server, or ask about it')
    .description(
      'Prints what a server reads in a picture (PNG, JPEG, GIF or WebP), or what its model answers from that. The model ' +
        'knows the picture by these words alone.',
    )
    .argument('<picture>', 'file of the picture')
    .argument('[question]', 'a question about it')
    .option('--url <url>', 'address of the server', DEFAULT_SERVER_URL)
    .option('-m, --model <id>', "a text model of the server (default: the server's)")
    .option('--max-tokens <n>', 'maximum tokens of an answer', parseCount(1), DEFAULT_MAX_TOKENS)
    .option('--text', 'print the text in the picture alone')
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(runLook);
}

async function runLook(
  path: string,
  question: string | undefined,
  flags: LookFlags,
): Promise<void> {
  const { url, model, maxTokens, json } = flags;
  if (question !== undefined && flags.text === true)
    throw new EngineError('E_USAGE', 'look: --text; expected no question with it.');
  const image = { type: 'image_url', image_url: { url: await pictureUrlOf(path, 'look') } };
  const asked = question === undefined ? [] : [{ type: 'text', text: question }];
  const answer = await askServer(serverAddress(url, '/v1/chat/completions', 'look'), {
    ...(model === undefined ? {} : { model }),
    // Without a question nothing is generated.
    max_completion_tokens: question === undefined ? 0 : maxTokens,
    messages: [{ role: 'user', content: [image, ...asked] }],
    temperature: 0,
  });
  const [choice] = answer['choices'] as readonly {
    readonly message: { readonly content: string };
  }[];
  const images = (answer['images'] ?? []) as readonly Seen[];
  const content = question === undefined ? null : choice!.message.content;
  process.stdout.write(
    json === true ? `${JSON.stringify({ answer: content, images })}\n` : `${shown(content)}\n`,
  );

  function shown(answered: string | null): string {
    if (answered !== null) return answered;
    const [seen] = images;
    if (flags.text === true) return (seen?.text ?? []).map((line) => line.text).join('\n');
    return seen?.description ?? '';
  }
}
