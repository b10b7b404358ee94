/** `thimble data`: what is in data, and data that is fit to train on. */
import type { Command } from 'commander';
import { registerAlign } from './align.ts';
import { registerAudit } from './audit.ts';
import { registerMini } from './mini.ts';
import { registerMix } from './mix.ts';
import { registerPack } from './pack.ts';
import { registerRewrites } from './rewrite.ts';

const EXAMPLES = `
Examples:
  thimble data audit stories.txt --out audit
  thimble data filter stories.txt --min-words 20 --language en --out filtered
  thimble data dedupe filtered/rows.jsonl --out unique
  thimble data redact unique/rows.jsonl --out redacted
  thimble data mix redacted/rows.jsonl=0.8 poems.csv=0.2 --seed 1 --out mixed
  thimble data pack mixed/rows.jsonl --out packed      ("files": ["packed/pack.json"] in a training)
  thimble data align recordings/ --out aligned
  thimble data mini --out mini

Files:
  .txt              texts with <|endoftext|> between them (--separator names another)
  .jsonl            a JSON object a line, with text, messages, prompt and completion, caption, ...
  .csv, .tsv        the first row names the columns
  .parquet          columns of texts, numbers and lists
  a folder          tables that name pictures or recordings beside them (image, audio, file_name),
                    or .wav files with .txt files of the same name

Every command reads in a stream, counts bad rows (--strict ends at the first), and leaves
report.html and croissant.json beside what it writes; --help of each lists its options.
`;

export function register(program: Command): void {
  const data = program
    .command('data')
    .summary('audit, filter, mix and pack data')
    .description(
      'Says what is in files of texts, pictures or recordings, and makes data of them that is fit to train on.',
    )
    .addHelpText('after', EXAMPLES);
  registerAudit(data);
  registerRewrites(data);
  registerMix(data);
  registerPack(data);
  registerAlign(data);
  registerMini(data);
}
