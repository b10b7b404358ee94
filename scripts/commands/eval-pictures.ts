/** `thimble eval pictures`. */
import { basename, resolve } from 'node:path';
import process from 'node:process';
import type { Command } from 'commander';
import { type AskedPicture, askRoutes, routesTable } from '../eval/picture-routes.ts';
import { type PictureRow, readPictureRows } from '../finetune/pictures/rows.ts';
import { parseCount } from '../lib/arguments.ts';
import { askServer, DEFAULT_SERVER_URL, serverAddress } from '../lib/ask-server.ts';
import { ProgressLine } from '../lib/progress.ts';
import { spreadOver } from '../lib/spread.ts';
import { DEFAULT_MODEL_ID } from '../pull/catalogue.ts';

export const PICTURES_EXAMPLES = `
Examples:
  thimble eval pictures photos/ --eyes smollm2-135m-instruct:eyes --out said.jsonl > table.md
`;

interface PicturesFlags {
  readonly url: string;
  readonly eyes: string;
  readonly reader: string;
  readonly split?: string;
  readonly most: number;
  readonly out: string;
}

export function addPicturesCommand(command: Command): void {
  command
    .command('pictures <files...>')
    .description(
      'What a running server says of pictures, as a table in Markdown: a model that sees, one that reads what programs find in ' +
        'them, and the second told what the first has said. Goes on where it was cut off.',
    )
    .option('--url <url>', 'address of the server', DEFAULT_SERVER_URL)
    .requiredOption('--eyes <id>', 'a model of the server that sees')
    .option('--reader <id>', 'a model of the server that reads words of pictures', DEFAULT_MODEL_ID)
    .option('--split <name>', 'pictures of rows of this "split" alone')
    .option('--most <n>', 'pictures, spread over all rows', parseCount(1), 200)
    .requiredOption('--out <file>', 'lines of JSON, as they come')
    .addHelpText('after', PICTURES_EXAMPLES)
    .action(runPictures);
}

async function runPictures(files: readonly string[], flags: PicturesFlags): Promise<void> {
  const { url, eyes, reader, split, most, out } = flags;
  const rows = await readPictureRows(files.map((file) => resolve(file)));
  const pictures = spreadOver(picturesOf(rows, split), most);
  const chat = serverAddress(url, '/v1/chat/completions', 'eval');
  const progress = new ProgressLine('asking: ');
  const ask = (body: object) => askServer(chat, body);
  const answers = await askRoutes({ eyes, reader }, pictures, ask, out, (done) =>
    progress.update({ done, total: pictures.length, unit: 'items' }),
  );
  progress.finish('done');
  process.stdout.write(routesTable(answers, (image) => basename(image)));
}

/** Each picture once, with the first text that somebody has written. */
function picturesOf(rows: readonly PictureRow[], split: string | undefined): AskedPicture[] {
  const found = new Map<string, AskedPicture>();
  for (const { image, texts, split: own } of rows)
    if ((split === undefined || own === split) && !found.has(image))
      found.set(image, { image, people: texts[0]?.answer ?? '' });
  return [...found.values()];
}
