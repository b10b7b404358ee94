/**
 * How well a voice is understood: sentences with numbers, dates and names are spoken, written down again by
 * a recogniser, and compared word by word, both written out as they are read aloud. Progress goes to
 * standard error, every error with it; the last line is one JSON object.
 * Run: node scripts/bench/workloads/voice-words.ts [VOICE] [RECOGNISER] [SENTENCES.txt]
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { Resampler } from '../../../engine/audio/resampler.ts';
import { requireKind } from '../../../engine/manifest/manifest.ts';
import { normalizeText } from '../../../engine/voice/normalize.ts';
import { DEFAULT_TRANSCRIBE, SAMPLE_RATE } from '../../../engine/transcribe/types.ts';
import { SampleBuffer } from '../../../engine/transcribe/recording/sample-buffer.ts';
import { openVoice } from '../../node-host/voice.ts';
import { loadLocalRecogniser } from '../../node-host/recognition.ts';
import type { LocalRecogniser } from '../../node-host/recognition.ts';
import { obtainModel } from '../../dev/prepare.ts';
import { repoRoot } from '../../lib/paths.ts';
import { spokenWords, wordErrors } from './word-errors.ts';

const SENTENCES = join(repoRoot, 'assets', 'texts', 'spoken-sentences.txt');

async function main(): Promise<void> {
  const [voiceId = 'piper-en-us-joe', recogniserId = 'whisper-base', path = SENTENCES] =
    process.argv.slice(2);
  const voice = await openVoice(await obtainModel(voiceId));
  requireKind(await obtainModel(recogniserId), 'recognition');
  const recogniser = await loadLocalRecogniser(recogniserId);
  const sentences = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
  let nError = 0;
  let nWord = 0;
  for (const [i, sentence] of sentences.entries()) {
    const resampler = new Resampler(voice.sampleRate, SAMPLE_RATE);
    const sound = new SampleBuffer();
    for await (const samples of voice.speak({ text: sentence, speed: 1, seed: 0 }))
      sound.push(resampler.push(samples));
    sound.push(resampler.flush());
    const heard = await writeDown(recogniser, sound.slice(0, sound.end));
    const want = readAloud(sentence);
    const errors = wordErrors(want, readAloud(withTimesOf(sentence, heard)));
    nError += errors;
    nWord += want.length;
    if (errors > 0) process.stderr.write(`${i + 1}: ${errors} in "${sentence}" -> "${heard}"\n`);
  }
  const result = {
    bench: 'voice-words',
    voice: voiceId,
    recogniser: recogniserId,
    sentences: sentences.length,
    words: nWord,
    wrong: nError,
    wordErrorRate: nError / nWord,
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

/** Numbers, dates and money as words, on both sides alike. */
function readAloud(text: string): string[] {
  return spokenWords(normalizeText(text).join(' '));
}

/** The times of `sentence` as it writes them, where a recogniser has 9.30 or 930. */
function withTimesOf(sentence: string, heard: string): string {
  const times = sentence.match(/\b\d{1,2}:\d{2}(?: [ap]\.m\.)?/g) ?? [];
  return times.reduce((text, time) => {
    const [hour = '', minute = '', half] = time.split(/[: ]/);
    const suffix = half === undefined ? '' : '\\s*[ap]\\.?m\\b\\.?';
    return text.replace(new RegExp(`\\b${hour}[.: ]?${minute}\\b${suffix}`, 'i'), time);
  }, heard);
}

async function writeDown(
  { engine, tokenizer }: LocalRecogniser,
  samples: Float32Array,
): Promise<string> {
  const request = { ...DEFAULT_TRANSCRIBE, samples, language: 'en' };
  let text = '';
  for await (const event of engine.transcribe(request, new AbortController().signal))
    if (event.type === 'segment') text += tokenizer.decode(event.tokens);
  return text.trim();
}

await main();
