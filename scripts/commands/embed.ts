/** `thimble embed`: vectors of texts, in this process. */
import process from 'node:process';
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import { toLengthOne } from '../../engine/model/encoder/pooling.ts';
import { textIds } from '../../worker/serving/embedding/text-ids.ts';
import type { InputType } from '../../worker/serving/embedding/text-ids.ts';
import { unplaced } from '../../worker/serving/models/model-names.ts';
import { ensureModel } from '../dev/prepare.ts';
import { readTextFile } from '../eval/passages.ts';
import { parseCount } from '../lib/arguments.ts';
import { interruptSignal } from '../lib/interrupt.ts';
import { loadLocalEncoder } from '../node-host/encoder.ts';
import { ProgressLine } from '../lib/progress.ts';
import { readStdin } from '../lib/stdin.ts';
import { DEFAULT_ENCODER_ID } from '../pull/catalogue.ts';

interface EmbedFlags {
  readonly model: string;
  readonly file?: string;
  readonly dimensions?: number;
  readonly inputType?: string;
  readonly truncate?: boolean;
  readonly json?: boolean;
}

const INPUT_TYPES: readonly string[] = ['query', 'document'] satisfies InputType[];
/** Texts in each call of the engine: progress is shown between calls. */
const CALL_TEXTS = 64;

const EXAMPLES = `
Examples:
  thimble embed "The sea is blue."
  thimble embed "The sea is blue." "Bread is warm." --json
  thimble embed --file sentences.txt --json > vectors.json    (one text per line)
  cat sentences.txt | thimble embed
`;

export function register(program: Command): void {
  program
    .command('embed')
    .summary('print vectors of texts')
    .description(
      'Prints one vector for each text, as a line of numbers; with --json one object for all.',
    )
    .argument('[texts...]', 'texts; without any, one text per line of --file or standard input')
    .option(
      '-m, --model <id>',
      'an embedding model; one of the catalogue is pulled',
      DEFAULT_ENCODER_ID,
    )
    .option('--file <file>', 'a UTF-8 file with one text per line; "-" is standard input')
    .option(
      '--dimensions <n>',
      'keep only the first values, scaled to length one again',
      parseCount(1),
    )
    .option(
      '--input-type <type>',
      `${INPUT_TYPES.join(' or ')}: put the model's own prefix before each text`,
    )
    .option('--truncate', 'cut what is too long instead of refusing it')
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(runEmbed);
}

async function runEmbed(texts: readonly string[], flags: EmbedFlags): Promise<void> {
  const inputs = texts.length > 0 ? texts : await readLines(flags.file ?? '-');
  const inputType = checkInputType(flags.inputType);
  await ensureModel(flags.model);
  const { engine, manifest, tokenizer } = await loadLocalEncoder(flags.model);
  const { nEmbd } = engine.config;
  const dimensions = flags.dimensions ?? nEmbd;
  if (dimensions > nEmbd)
    throw new EngineError(
      'E_USAGE',
      `embed: --dimensions; expected at most ${nEmbd}, got ${dimensions}.`,
    );
  const { id } = manifest;
  const model = { id, version: '', manifest, named: unplaced(id), tokenizer };
  const ids = await textIds(model, inputs, {
    inputType,
    truncate: flags.truncate === true,
    nameOf: (index) => `text ${index + 1}`,
  });
  const vectors = await embedAll(ids, (call) => engine.embed(call, interruptSignal));
  const shown = vectors.map((vector) =>
    dimensions === nEmbd ? vector : toLengthOne(vector.slice(0, dimensions)),
  );
  const tokens = ids.reduce((sum, { length }) => sum + length, 0);
  process.stdout.write(
    flags.json === true
      ? `${JSON.stringify({ model: manifest.id, dimensions, tokens, data: shown.map((v) => [...v]) })}\n`
      : shown.map((vector) => `${vector.join(' ')}\n`).join(''),
  );
}

async function embedAll(
  ids: readonly number[][],
  embed: (call: readonly number[][]) => Promise<Float32Array[]>,
): Promise<Float32Array[]> {
  const line = new ProgressLine('embedding: ');
  const vectors: Float32Array[] = [];
  try {
    for (let i = 0; i < ids.length; i += CALL_TEXTS) {
      vectors.push(...(await embed(ids.slice(i, i + CALL_TEXTS))));
      line.update({ done: vectors.length, total: ids.length, unit: 'items' });
    }
    line.finish('done');
    return vectors;
  } catch (error) {
    line.fail();
    throw error;
  }
}

async function readLines(file: string): Promise<string[]> {
  const text = file === '-' ? await readStdin() : await readTextFile(file, 'embed', '--file');
  return text.replace(/\r?\n$/, '').split(/\r?\n/);
}

function checkInputType(type: string | undefined): InputType | undefined {
  if (type === undefined || INPUT_TYPES.includes(type)) return type as InputType | undefined;
  throw new EngineError(
    'E_USAGE',
    `embed: --input-type; expected ${INPUT_TYPES.join(' or ')}, got ${type}.`,
  );
}
