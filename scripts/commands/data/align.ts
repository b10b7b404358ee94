/** `thimble data align`: whether texts say what is beside them. */
import type { Command } from 'commander';
import { requireKind } from '../../../engine/manifest/manifest.ts';
import { alignOperation } from '../../data/align/align.ts';
import type { EmbedPair } from '../../data/align/pictures.ts';
import type { Transcribe } from '../../data/align/recordings.ts';
import { loadTranscriber } from '../../data/align/transcriber.ts';
import { obtainModel } from '../../dev/prepare.ts';
import { parseNumber } from '../../lib/arguments.ts';
import { interruptSignal } from '../../lib/interrupt.ts';
import { embedPicture, embedTexts, squareOf } from '../../node-host/joint-space.ts';
import { loadSpace, SPACE_FOLDER, SPACE_TEXT_ID } from '../load-space.ts';
import { addInputOptions, parseSeed } from './common.ts';
import { runRewrite } from './rewrite.ts';
import type { RewriteFlags } from './rewrite.ts';

interface AlignFlags extends RewriteFlags {
  readonly model: string;
  readonly maxError: number;
  readonly language?: string;
  readonly tower: string;
  readonly embedding: string;
  readonly minAgreement: number;
  readonly seed: number;
}

const EXAMPLES = `
Examples:
  thimble data align recordings/ --out aligned
  thimble data align recordings/ -m whisper-tiny.en --max-error 0.2 --out aligned
  thimble data align photos/ --out aligned
  thimble data align photos/ --min-agreement 0.1 --out aligned
`;
const DEFAULT_RECOGNISER_ID = 'whisper-tiny.en';
const MAX_ERRORS_A_WORD = 1000;

export function registerAlign(data: Command): void {
  const command = data
    .command('align')
    .summary('compare texts with pictures and recordings')
    .description(
      'Transcribes each recording of a folder and counts the words that differ from its text; compares each text with its ' +
        'picture by an image tower, and with the pictures of other rows. Lists the worst pairs.',
    )
    .argument('<folders...>', 'folders of pictures or recordings with their texts')
    .requiredOption('--out <folder>', 'a new folder for rows.jsonl, report.html and croissant.json')
    .option(
      '-m, --model <id>',
      'a recognition model; one of the catalogue is pulled',
      DEFAULT_RECOGNISER_ID,
    )
    .option('--language <name>', 'code or name of the language spoken (default: detected)')
    .option(
      '--max-error <share>',
      'keep rows of at most this many errors a word (default: all)',
      parseNumber(0, MAX_ERRORS_A_WORD),
      Infinity,
    )
    .option('--tower <folder>', 'an image tower', SPACE_FOLDER)
    .option('--embedding <id>', 'the embedding model that it was trained for', SPACE_TEXT_ID)
    .option(
      '--min-agreement <cosine>',
      'keep rows whose text agrees this much with its picture (default: all)',
      parseNumber(-1, 1),
      -Infinity,
    )
    .option('--seed <n>', 'decides which other pictures a text is compared with', parseSeed, 0);
  addInputOptions(command).addHelpText('after', EXAMPLES).action(runAlign);
}

async function runAlign(folders: readonly string[], flags: AlignFlags): Promise<void> {
  const { out, seed, maxError: maxRate, minAgreement } = flags;
  // Models are loaded for the first row that needs them.
  let recogniser: Promise<Transcribe> | null = null;
  const transcribe: Transcribe = async (path) => {
    recogniser ??= loadRecogniser(flags);
    return await (
      await recogniser
    )(path);
  };
  let embedder: Promise<EmbedPair> | null = null;
  const embed: EmbedPair = async (text, picture) => {
    embedder ??= loadEmbedder(flags);
    return await (
      await embedder
    )(text, picture);
  };
  await runRewrite(
    'align',
    folders,
    flags,
    alignOperation({ transcribe, embed, maxRate, minAgreement, seed, out }),
    'Pictures and recordings with their texts, and how well these agree.',
  );
}

async function loadRecogniser({ model, language }: AlignFlags): Promise<Transcribe> {
  requireKind(await obtainModel(model), 'recognition');
  return await loadTranscriber(model, language, interruptSignal);
}

async function loadEmbedder({ tower, embedding }: AlignFlags): Promise<EmbedPair> {
  const space = await loadSpace(tower, embedding);
  return async (words, picture) => {
    const [text = new Float32Array()] = await embedTexts(space.text, [words], interruptSignal);
    return { text, picture: await embedPicture(space, squareOf(picture, space.encoder)) };
  };
}
