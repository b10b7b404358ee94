/** `thimble data align`: whether texts say what recordings say. */
import type { Command } from 'commander';
import { requireKind } from '../../../engine/manifest/manifest.ts';
import { alignOperation } from '../../data/align.ts';
import type { Transcribe } from '../../data/align.ts';
import { loadTranscriber } from '../../data/transcriber.ts';
import { obtainModel } from '../../dev/prepare.ts';
import { parseNumber } from '../../lib/arguments.ts';
import { interruptSignal } from '../../lib/interrupt.ts';
import { addInputOptions } from './common.ts';
import { runRewrite } from './rewrite.ts';
import type { RewriteFlags } from './rewrite.ts';

interface AlignFlags extends RewriteFlags {
  readonly model: string;
  readonly maxError: number;
  readonly language?: string;
}

const EXAMPLES = `
Examples:
  thimble data align recordings/ --out aligned
  thimble data align recordings/ -m whisper-tiny.en --max-error 0.2 --out aligned

Texts are not compared with images: the kit has no model for it yet.
`;
const DEFAULT_RECOGNISER_ID = 'whisper-tiny.en';
const MAX_ERRORS_A_WORD = 1000;

export function registerAlign(data: Command): void {
  const command = data
    .command('align')
    .summary('compare texts with recordings')
    .description(
      'Transcribes each recording of a folder, counts the words that differ from its text, and lists the worst pairs.',
    )
    .argument('<folders...>', 'folders of recordings with their texts')
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
    );
  addInputOptions(command).addHelpText('after', EXAMPLES).action(runAlign);
}

async function runAlign(folders: readonly string[], flags: AlignFlags): Promise<void> {
  let loaded: Promise<Transcribe> | null = null;
  // Loaded for the first recording: a folder of pictures is refused before a model is pulled.
  const transcribe: Transcribe = async (path) => {
    loaded ??= loadRecogniser(flags);
    return (await loaded)(path);
  };
  const operation = alignOperation(transcribe, flags.maxError, flags.out);
  await runRewrite(
    'align',
    folders,
    flags,
    operation,
    'Recordings with their texts and what was heard.',
  );
}

async function loadRecogniser({ model, language }: AlignFlags): Promise<Transcribe> {
  requireKind(await obtainModel(model), 'recognition');
  return await loadTranscriber(model, language, interruptSignal);
}
