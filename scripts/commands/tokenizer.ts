/** `thimble tokenizer train`: a byte-level BPE tokenizer from texts. */
import { writeFile } from 'node:fs/promises';
import process from 'node:process';
import type { Command } from 'commander';
import { parseCount } from '../lib/arguments.ts';
import { readText } from '../train/read-text.ts';
import { trainTokenizer } from '../train/train-tokenizer.ts';

const EXAMPLES = `
Examples:
  thimble tokenizer train stories.txt --size 4096 --out tokenizer.json
  thimble train stories.json                  # with "tokenizer": "tokenizer.json" in it
`;
/** Bytes, and the token that ends texts. */
const MIN_SIZE = 257;

interface TokenizerFlags {
  readonly size: number;
  readonly out: string;
  readonly separator: string;
}

export function register(program: Command): void {
  const tokenizer = program
    .command('tokenizer')
    .summary('train a tokenizer from texts')
    .description('Makes tokenizers, whose files models are trained and imported with.')
    .addHelpText('after', EXAMPLES);
  tokenizer
    .command('train')
    .summary('train a byte-level BPE tokenizer')
    .description(
      "Learns the merges that Hugging Face's trainer learns from the same texts, and writes a tokenizer.json.",
    )
    .argument('<file...>', 'UTF-8 texts')
    .option('--size <n>', 'tokens altogether', parseCount(MIN_SIZE), 4096)
    .option('--separator <text>', 'what stands between texts in a file', '<|endoftext|>')
    .option('--out <file>', 'where to write', 'tokenizer.json')
    .addHelpText('after', EXAMPLES)
    .action(runTrain);
}

async function runTrain(files: readonly string[], flags: TokenizerFlags): Promise<void> {
  const texts: string[] = [];
  for (const file of files) texts.push(...(await readText(file, 'file')).split(flags.separator));
  const json = trainTokenizer(texts, flags.size);
  await writeFile(flags.out, json);
  const { model } = JSON.parse(json) as { model: { vocab: object } };
  process.stdout.write(`${flags.out}: ${Object.keys(model.vocab).length} tokens\n`);
}
