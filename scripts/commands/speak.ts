/** `thimble speak`: speaks a text, in this process. */
import process from 'node:process';
import type { Command } from 'commander';
import { pcm16, wavHeader } from '../../engine/audio/write-wav.ts';
import { EngineError } from '../../engine/base/errors.ts';
import { obtainModel } from '../dev/prepare.ts';
import { parseCount, parseNumber } from '../lib/arguments.ts';
import { openVoice } from '../node-host/voice.ts';
import { readStdin } from '../lib/stdin.ts';
import { codecOf, writeSoundFile } from './sound-file.ts';

interface SpeakFlags {
  readonly output: string;
  readonly model: string;
  readonly speed: number;
  readonly seed: number;
  readonly json?: boolean;
}

/** An hour of speech. */
const MAX_CHARS = 60_000;
const DEFAULT_VOICE = 'piper-en-us-joe';

const EXAMPLES = `
Examples:
  thimble speak "It is five past nine." -o nine.wav
  thimble speak "It is five past nine." -o nine.mp3
  thimble speak --speed 1.5 -o page.wav < page.txt
  thimble speak -m pico-en-us "A tiny voice." -o tiny.wav
  echo Hello | thimble speak -o - | aplay
`;

export function register(program: Command): void {
  program
    .command('speak [text]')
    .summary('speak a text into a sound file')
    .description('Speaks an English text, or standard input, into a WAV, MP3, Opus or FLAC file.')
    .requiredOption(
      '-o, --output <file>',
      "a file that ends in .wav, .mp3, .opus, .ogg or .flac; '-' is WAV on standard output",
    )
    .option('-m, --model <id>', 'an imported voice; one of the catalogue is pulled', DEFAULT_VOICE)
    .option('--speed <factor>', '0.25 to 4', parseNumber(0.25, 4), 1)
    .option('--seed <n>', 'the same seed gives the same samples', parseCount(0), 0)
    .option('--json', 'print one JSON object about it')
    .addHelpText('after', EXAMPLES)
    .action(runSpeak);
}

async function runSpeak(given: string | undefined, flags: SpeakFlags): Promise<void> {
  const text = given ?? (await readStdin());
  if (text.length > MAX_CHARS)
    throw new EngineError(
      'E_USAGE',
      `speak: expected at most ${MAX_CHARS} characters, got ${text.length}. Split the text.`,
    );
  if (flags.output === '-' && flags.json === true)
    throw new EngineError(
      'E_USAGE',
      'speak: --json and -o - both write to standard output. Name a file with -o.',
    );
  const codec = flags.output === '-' ? null : codecOf(flags.output);
  const voice = await openVoice(await obtainModel(flags.model));
  const startMs = performance.now();
  const samples = voice.speak({ text, ...flags });
  const nSample =
    flags.output === '-'
      ? await writeStdout(voice.sampleRate, samples)
      : await writeSoundFile(flags.output, codec, voice.sampleRate, samples);
  const seconds = nSample / voice.sampleRate;
  const facts = {
    file: flags.output,
    seconds: Number(seconds.toFixed(2)),
    took: Number(((performance.now() - startMs) / 1000).toFixed(2)),
  };
  if (flags.json === true) process.stdout.write(`${JSON.stringify(facts)}\n`);
  else process.stderr.write(`${flags.output}: ${facts.seconds} s of speech in ${facts.took} s\n`);
}

/** @returns samples written. */
async function writeStdout(
  sampleRate: number,
  samples: AsyncIterable<Float32Array>,
): Promise<number> {
  let nSample = 0;
  process.stdout.write(wavHeader(sampleRate, null));
  for await (const chunk of samples) {
    process.stdout.write(pcm16(chunk));
    nSample += chunk.length;
  }
  return nSample;
}
