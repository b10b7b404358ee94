/** `thimble bench voice` and `thimble bench voice-words`. */
import type { Command } from 'commander';
import { addJson, addRounds, benchCommand, DEFAULT_ROUNDS, note, printResult } from './common.ts';

const DEFAULT_VOICE_ID = 'piper-en-us-joe';
const DEFAULT_LISTENER_ID = 'whisper-base';
const MODEL_OPTION = ['-m, --model <id>', 'a voice', DEFAULT_VOICE_ID] as const;

interface VoiceFlags {
  readonly model: string;
  readonly format: string;
  readonly rounds?: number;
  readonly json?: boolean;
}
interface VoiceWordsFlags {
  readonly model: string;
  readonly recogniser: string;
  readonly json?: boolean;
}

export function registerVoice(parent: Command): void {
  const voice = benchCommand(
    parent,
    'voice',
    'measure how soon speech begins and how fast it comes, in workerd',
    ['voice', 'voice -m pico-en-us --rounds 9', 'voice --format mp3'],
  )
    .option(...MODEL_OPTION)
    .option('--format <format>', 'wav, mp3, opus, flac or pcm', 'wav');
  addJson(addRounds(voice)).action(runVoice);
  const words = benchCommand(
    parent,
    'voice-words',
    'count the words of a voice that a recogniser hears wrong',
    ['voice-words', 'voice-words sentences.txt -m pico-en-us --recogniser whisper-tiny.en'],
  )
    .argument('[file]', 'a UTF-8 text of a sentence a line (default: the 100 of assets/texts)')
    .option(...MODEL_OPTION)
    .option('--recogniser <id>', 'a recognition model', DEFAULT_LISTENER_ID);
  addJson(words).action(runVoiceWords);
}

async function runVoice({
  model,
  format,
  rounds = DEFAULT_ROUNDS,
  json,
}: VoiceFlags): Promise<void> {
  const { benchVoice, describeVoice } = await import('../../bench/workloads/voice.ts');
  const result = await benchVoice({ model, format, rounds, onNote: note });
  printResult(result, describeVoice(result), json);
}

async function runVoiceWords(
  file: string | undefined,
  { model, recogniser, json }: VoiceWordsFlags,
): Promise<void> {
  const { benchVoiceWords, describeVoiceWords } =
    await import('../../bench/workloads/voice-words.ts');
  const result = await benchVoiceWords({
    voiceId: model,
    recogniserId: recogniser,
    ...(file === undefined ? {} : { path: file }),
    onNote: note,
  });
  printResult(result, describeVoiceWords(result), json);
}
