/** `thimble speak`: speaks a text, in this process. */
import { open } from 'node:fs/promises';
import process from 'node:process';
import type { Command } from 'commander';
import { pcm16, wavHeader } from '../../engine/audio/write-wav.ts';
import { EngineError } from '../../engine/base/errors.ts';
import { obtainModel } from '../dev/prepare.ts';
import { parseCount, parseNumber } from '../lib/arguments.ts';
import { asOutputError } from '../lib/disk.ts';
import { openVoice } from '../node-host/voice.ts';
import { readStdin } from '../lib/stdin.ts';

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
  thimble speak --speed 1.5 -o page.wav < page.txt
  thimble speak -m pico-en-us "A tiny voice." -o tiny.wav
  echo Hello | thimble speak -o - | aplay
`;

export function register(program: Command): void {
  program
    .command('speak [text]')
    .summary('speak a text into a WAV file')
    .description('Speaks an English text, or standard input, into a WAV file.')
    .requiredOption('-o, --output <file>', "a .wav file; '-' is standard output")
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
  const voice = await openVoice(await obtainModel(flags.model));
  const startMs = performance.now();
  const nSample = await writeSound(flags.output, voice.sampleRate, voice.speak({ text, ...flags }));
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
async function writeSound(
  path: string,
  sampleRate: number,
  samples: AsyncIterable<Float32Array>,
): Promise<number> {
  let nSample = 0;
  if (path === '-') {
    process.stdout.write(wavHeader(sampleRate, null));
    for await (const chunk of samples) {
      process.stdout.write(pcm16(chunk));
      nSample += chunk.length;
    }
    return nSample;
  }
  // A text that cannot be spoken leaves no file.
  const iterator = samples[Symbol.asyncIterator]();
  let next = await iterator.next();
  try {
    await using file = await open(path, 'w');
    await file.write(wavHeader(sampleRate, 0));
    for (; next.done !== true; next = await iterator.next()) {
      await file.write(pcm16(next.value));
      nSample += next.value.length;
    }
    await file.write(wavHeader(sampleRate, nSample), 0, undefined, 0);
  } catch (error) {
    throw asOutputError(error, path, 'speak');
  }
  return nSample;
}
