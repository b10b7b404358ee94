/**
 * How well a voice is understood: sentences with numbers, dates and names are spoken, transcribed by a
 * recogniser, and compared word by word, both written out as they are read aloud.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../../../engine/base/errors.ts';
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
import { spokenWords, wordErrors } from '../../eval/word-errors.ts';

const SENTENCES = join(repoRoot, 'assets', 'texts', 'spoken-sentences.txt');

export interface VoiceWordsOptions {
  /** A voice of the catalogue, or an imported one. */
  readonly voiceId: string;
  readonly recogniserId: string;
  /** A text of a sentence a line. */
  readonly path?: string;
  /** Called with every sentence that was not understood. */
  readonly onNote: (text: string) => void;
}

export interface VoiceWords {
  readonly bench: 'voice-words';
  readonly voice: string;
  readonly recogniser: string;
  readonly sentences: number;
  readonly words: number;
  readonly wrong: number;
  readonly wordErrorRate: number;
}

/** @throws {EngineError} E_USAGE for a text without sentences; E_MODEL_KIND */
export async function benchVoiceWords({
  voiceId,
  recogniserId,
  path = SENTENCES,
  onNote,
}: VoiceWordsOptions): Promise<VoiceWords> {
  const sentences = await readSentences(path);
  const voice = await openVoice(await obtainModel(voiceId));
  requireKind(await obtainModel(recogniserId), 'recognition');
  const recogniser = await loadLocalRecogniser(recogniserId);
  let nError = 0;
  let nWord = 0;
  for (const [i, sentence] of sentences.entries()) {
    const resampler = new Resampler(voice.sampleRate, SAMPLE_RATE);
    const sound = new SampleBuffer();
    for await (const samples of voice.speak({ text: sentence, speed: 1, seed: 0 }))
      sound.push(resampler.push(samples));
    sound.push(resampler.flush());
    const heard = await transcribe(recogniser, sound.slice(0, sound.end));
    const want = readAloud(sentence);
    const errors = wordErrors(want, readAloud(withTimesOf(sentence, heard)));
    nError += errors;
    nWord += want.length;
    if (errors > 0) onNote(`${i + 1}: ${errors} wrong in "${sentence}" -> "${heard}"`);
  }
  return {
    bench: 'voice-words',
    voice: voiceId,
    recogniser: recogniserId,
    sentences: sentences.length,
    words: nWord,
    wrong: nError,
    wordErrorRate: nError / nWord,
  };
}

export function describeVoiceWords({ voice, recogniser, words, wrong }: VoiceWords): string {
  const share = ((wrong / words) * 100).toFixed(1);
  return `${recogniser} heard ${wrong} of ${words} words of ${voice} wrong: ${share} %\n`;
}

async function readSentences(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new EngineError('E_USAGE', `bench: ${path} cannot be read. Give a text file.`, { cause });
  });
  const sentences = text.split(/\r?\n/).filter((line) => readAloud(line).length > 0);
  if (sentences.length > 0) return sentences;
  throw new EngineError('E_USAGE', `bench: ${path} has no words; expected a sentence a line.`);
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

async function transcribe(
  { engine, tokenizer }: LocalRecogniser,
  samples: Float32Array,
): Promise<string> {
  const request = { ...DEFAULT_TRANSCRIBE, samples, language: 'en' };
  let text = '';
  for await (const event of engine.transcribe(request, new AbortController().signal))
    if (event.type === 'segment') text += tokenizer.decode(event.tokens);
  return text.trim();
}
