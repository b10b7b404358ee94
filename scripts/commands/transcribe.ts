/** `thimble transcribe`: transcribes a recording, in this process. */
import { readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import process from 'node:process';
import { Option } from 'commander';
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import { requireKind } from '../../engine/manifest/manifest.ts';
import type { TranscribeOptions } from '../../engine/transcribe/types.ts';
import { MAX_AUDIO_BYTES } from '../../worker/audio/limits.ts';
import { optionsOf } from '../../worker/apis/audio/recognition/fields.ts';
import { textOf, verboseJson } from '../../worker/apis/audio/recognition/transcript-json.ts';
import { srtText, vttText } from '../../engine/transcribe/recording/subtitles.ts';
import {
  collectTranscript,
  transcribeSound,
} from '../../engine/transcribe/recording/transcribe-recording.ts';
import type { Transcript } from '../../engine/transcribe/recording/transcribe-recording.ts';
import type {
  TranscriptSegment,
  TranscriptSummary,
} from '../../engine/transcribe/recording/transcript.ts';
import { PlainWindows, SpeechWindows } from '../../engine/transcribe/recording/windows.ts';
import { obtainModel } from '../dev/prepare.ts';
import { asOutputError } from '../lib/disk.ts';
import { interruptSignal } from '../lib/interrupt.ts';
import { DETECTOR_ID, loadDecoders, loadDetector, LocalSound } from '../node-host/sound.ts';
import { loadLocalRecogniser } from '../node-host/recognition.ts';
import type { LocalRecogniser } from '../node-host/recognition.ts';
import { formatSeconds } from '../lib/progress.ts';

const FORMATS = ['text', 'srt', 'vtt', 'json'] as const;
type Format = (typeof FORMATS)[number];
const DEFAULT_RECOGNISER_ID = 'whisper-tiny.en';
/** Local files may be larger than uploads: nothing else shares this process. */
const MAX_FILE_BYTES = 20 * MAX_AUDIO_BYTES;

interface TranscribeFlags {
  readonly model: string;
  readonly language?: string;
  readonly prompt?: string;
  readonly translate?: boolean;
  readonly format: Format;
  readonly words?: boolean;
  readonly output?: string;
  readonly vad: boolean;
}

const EXAMPLES = `
Examples:
  thimble transcribe talk.mp3
  thimble transcribe talk.flac --format srt -o talk.srt
  thimble transcribe interview.wav -m whisper-base --language German --translate
  thimble transcribe call.opus --format json --words
`;

export function register(program: Command): void {
  program
    .command('transcribe <file>')
    .summary('transcribe a recording')
    .description(
      'Transcribes a recording: WAV, FLAC, MP3, M4A, AAC, or Opus in Ogg or WebM, at any sample rate.',
    )
    .option(
      '-m, --model <id>',
      'a recognition model; one of the catalogue is pulled',
      DEFAULT_RECOGNISER_ID,
    )
    .option('--language <name>', 'code or name of the language spoken (default: detected)')
    .option('--prompt <text>', 'words that may occur, in their correct spelling')
    .option('--translate', 'translate into English (multilingual models)')
    .addOption(new Option('--format <name>', 'output format').choices(FORMATS).default('text'))
    .option('--words', 'add the times of words (with --format json)')
    .option('-o, --output <file>', 'write to this file instead of standard output')
    .option('--no-vad', 'transcribe everything, not only where voice activity is detected')
    .addHelpText('after', EXAMPLES)
    .action(runTranscribe);
}

async function runTranscribe(file: string, flags: TranscribeFlags): Promise<void> {
  if (flags.words === true && flags.format !== 'json')
    throw new EngineError(
      'E_USAGE',
      `transcribe: --words; expected --format json with it, got ${flags.format}.`,
    );
  const bytes = await readSound(file);
  await obtainModel(flags.model);
  const recogniser = await loadLocalRecogniser(flags.model);
  const sound = new LocalSound(bytes, await loadDecoders());
  const startMs = performance.now();
  const { segments, summary } = await transcribe(file, recogniser, sound, flags);
  const text = WRITERS[flags.format](segments, summary, sound, flags);
  if (flags.output === undefined) process.stdout.write(text);
  else
    await writeFile(flags.output, text).catch((cause: unknown) => {
      throw asOutputError(cause, flags.output ?? '', 'transcribe');
    });
  const seconds = (performance.now() - startMs) / 1000;
  const speed = (summary.seconds / seconds).toFixed(1);
  process.stderr.write(
    `${basename(file)}: ${formatSeconds(summary.seconds)} of sound in ${formatSeconds(seconds)} (${speed} times as fast), ` +
      `language ${summary.language}${sound.end?.isTruncated === true ? '; the file is cut off' : ''}\n`,
  );
}

async function readSound(file: string): Promise<Uint8Array> {
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw new EngineError('E_USAGE', `transcribe: ${file} cannot be read. Give a recording.`, {
      cause,
    });
  });
  if (bytes.length <= MAX_FILE_BYTES) return bytes;
  throw new EngineError(
    'E_USAGE',
    `transcribe: ${file} has ${bytes.length} bytes; expected at most ${MAX_FILE_BYTES}. Compress or cut it.`,
  );
}

async function transcribe(
  file: string,
  { engine, tokenizer, manifest }: LocalRecogniser,
  sound: LocalSound,
  flags: TranscribeFlags,
): Promise<Transcript> {
  const options: TranscribeOptions = optionsOf(
    {
      ...(flags.language === undefined ? {} : { language: flags.language }),
      ...(flags.prompt === undefined ? {} : { prompt: flags.prompt }),
      wantsWords: flags.words === true,
    },
    flags.translate === true ? 'translate' : 'transcribe',
    manifest.config,
    tokenizer,
  );
  const windows = flags.vad
    ? new SpeechWindows(
        sound,
        await loadDetector(requireKind(await obtainModel(DETECTOR_ID), 'onnx')),
      )
    : new PlainWindows(sound);
  const events = transcribeSound({
    windows,
    tokenizer,
    options,
    transcribe: (request) => engine.transcribe(request, interruptSignal),
  });
  const startMs = performance.now();
  return await collectTranscript(events, (seconds) => showProgress(file, sound, seconds, startMs));
}

/** One line for each window: how much has been transcribed, and how long the rest will take. */
function showProgress(file: string, sound: LocalSound, seconds: number, startMs: number): void {
  const total = sound.info?.statedSeconds ?? null;
  const took = (performance.now() - startMs) / 1000;
  const of = total === null ? '' : ` of ${formatSeconds(total)}`;
  const left =
    total === null
      ? ''
      : `, ${formatSeconds((took / seconds) * Math.max(0, total - seconds))} left`;
  process.stderr.write(`${basename(file)}: ${formatSeconds(seconds)}${of} transcribed${left}\n`);
}

type Writer = (
  segments: readonly TranscriptSegment[],
  summary: TranscriptSummary,
  sound: LocalSound,
  flags: TranscribeFlags,
) => string;

const WRITERS: Readonly<Record<Format, Writer>> = {
  text: (segments) => `${textOf(segments)}\n`,
  srt: (segments) => srtText(segments),
  vtt: (segments) => vttText(segments),
  json: (segments, summary, sound, flags) => {
    const json = verboseJson(segments, summary, {
      task: flags.translate === true ? 'translate' : 'transcribe',
      isTruncated: sound.end?.isTruncated ?? false,
      wantsSegments: true,
      wantsWords: flags.words === true,
    });
    return `${JSON.stringify(json, null, 2)}\n`;
  },
};
