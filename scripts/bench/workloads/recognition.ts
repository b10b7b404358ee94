/**
 * `thimble bench recognition`: seconds to transcribe recordings, end to end, beside faster-whisper on the
 * same files and core. Peers take turns clip by clip and change places each round; medians are kept.
 */
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { cpus, loadavg } from 'node:os';
import { EngineError } from '../../../engine/base/errors.ts';
import { MAX_SAMPLES, SAMPLE_RATE } from '../../../engine/transcribe/types.ts';
import { SPEECH_PEERS } from './recognition-peers.ts';
import type {
  RecognitionConfig,
  RecognitionPeer,
  RecognitionPeerRow,
} from './recognition-peers.ts';
import { spread } from '../report/statistics.ts';
import { spokenWords, wordErrors } from '../../eval/word-errors.ts';

export interface Clip {
  readonly name: string;
  readonly path: string;
  readonly samples: Float32Array;
  /** What is said, where there is a text beside the file. */
  readonly text: string | null;
}
interface PeerResult {
  readonly name: string;
  readonly label: string;
  /** Median of each clip, in order. */
  readonly clipSeconds: readonly number[];
  readonly seconds: number;
  readonly realTimeFactor: number;
  /** Share of words that are wrong; null without texts. */
  readonly wordErrorRate: number | null;
  readonly texts: readonly string[];
  readonly memoryBytes: number | null;
}
export interface RecognitionBench {
  readonly bench: 'speech';
  readonly model: string;
  readonly cpu: string;
  readonly load: number;
  readonly rounds: number;
  readonly clips: readonly { readonly name: string; readonly seconds: number }[];
  readonly peers: readonly PeerResult[];
  readonly skipped: readonly { readonly name: string; readonly why: string }[];
}

export interface RecognitionBenchOptions extends RecognitionConfig {
  readonly clips: readonly Clip[];
  readonly rounds: number;
  readonly peers: readonly RecognitionPeerRow[];
  readonly onNote: (text: string) => void;
}

interface Running {
  readonly row: RecognitionPeerRow;
  readonly peer: RecognitionPeer;
  readonly seconds: number[][];
  readonly texts: string[];
}

/** @throws {EngineError} E_USAGE for an unknown name. */
export function chooseRecognitionPeers(
  only: readonly string[] | undefined,
): readonly RecognitionPeerRow[] {
  const names = SPEECH_PEERS.map(({ name }) => name);
  const unknown = only?.find((name) => !names.includes(name));
  if (unknown === undefined) return SPEECH_PEERS.filter(({ name }) => only?.includes(name) ?? true);
  throw new EngineError(
    'E_USAGE',
    `bench: --only ${unknown}; expected some of ${names.join(', ')}`,
    { details: { unknown, known: names } },
  );
}

/** @throws {EngineError} what our own peers throw. Others are skipped. */
export async function benchRecognition(
  options: RecognitionBenchOptions,
): Promise<RecognitionBench> {
  const { clips, peers: rows } = options;
  const skipped: { name: string; why: string }[] = [];
  const running: Running[] = [];
  try {
    for (const row of rows) {
      options.onNote(`starting ${row.name}`);
      try {
        const peer = await row.start(options);
        running.push({ row, peer, seconds: clips.map(() => []), texts: [] });
      } catch (error) {
        if (!row.isOther) throw error;
        skipped.push({ name: row.name, why: error instanceof Error ? error.message : '' });
        options.onNote(`skipped ${row.name}: ${skipped.at(-1).why}`);
      }
    }
    // The first round warms up: kernels are compiled, files are in memory.
    for (let round = -1; round < options.rounds; round++) {
      options.onNote(round < 0 ? 'warming up' : `round ${round + 1} of ${options.rounds}`);
      await runRound(clips, round % 2 === 0 ? running : running.toReversed(), round < 0);
    }
    const peers: PeerResult[] = [];
    for (const run of running) peers.push(await resultOf(run, clips));
    return {
      bench: 'speech',
      model: options.modelId,
      cpu: cpus()[0]?.model ?? '',
      load: loadavg()[0] ?? 0,
      rounds: options.rounds,
      clips: clips.map(({ name, samples }) => ({ name, seconds: samples.length / SAMPLE_RATE })),
      peers,
      skipped,
    };
  } finally {
    for (const { peer } of running) await peer.close();
  }
}

async function runRound(
  clips: readonly Clip[],
  running: readonly Running[],
  isWarmUp: boolean,
): Promise<void> {
  for (const [i, { path, samples }] of clips.entries()) {
    for (const { peer, seconds, texts } of running) {
      const answer = await peer.transcribe(path, samples);
      texts[i] = answer.text;
      if (!isWarmUp) seconds[i]!.push(answer.seconds);
    }
  }
}

async function resultOf(
  { row, peer, seconds, texts }: Running,
  clips: readonly Clip[],
): Promise<PeerResult> {
  const clipSeconds = seconds.map((values) => spread(values).median);
  const sum = clipSeconds.reduce((a, b) => a + b, 0);
  const audio = clips.reduce((total, { samples }) => total + samples.length / SAMPLE_RATE, 0);
  let [errors, words] = [0, 0];
  for (const [i, { text }] of clips.entries()) {
    if (text === null) continue;
    const want = spokenWords(text);
    errors += wordErrors(want, spokenWords(texts[i] ?? ''));
    words += want.length;
  }
  return {
    name: row.name,
    label: row.label,
    clipSeconds,
    seconds: sum,
    realTimeFactor: sum / audio,
    wordErrorRate: words === 0 ? null : errors / words,
    texts,
    memoryBytes: (await peer.memory?.()) ?? null,
  };
}

/**
 * Every .wav of a folder (mono, 16 bits, 16 kHz, at most a window), with the .txt beside it.
 * @throws {EngineError} E_USAGE naming the folder or file.
 */
export async function readClips(folder: string): Promise<Clip[]> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith('.wav'));
  const clips: Clip[] = [];
  for (const name of names.sort()) {
    const path = join(folder, name);
    const text = await readFile(path.replace(/\.wav$/, '.txt'), 'utf8').catch(() => null);
    clips.push({ name: basename(name, '.wav'), path, samples: await readWav(path), text });
  }
  if (clips.length > 0) return clips;
  throw new EngineError(
    'E_USAGE',
    `bench: no recordings in ${folder}; expected .wav files (mono, 16 bits, 16 kHz), what is said in a .txt beside each. Run: thimble bench recognition FOLDER.`,
  );
}

async function readWav(path: string): Promise<Float32Array> {
  const bytes = await readFile(path);
  const wrong = (what: string) =>
    new EngineError('E_USAGE', `bench: ${path}: ${what}; expected mono, 16 bits, 16 kHz.`);
  if (bytes.length < 44 || bytes.toString('latin1', 0, 4) !== 'RIFF') throw wrong('not a WAV file');
  let at = 12;
  for (; at + 8 <= bytes.length; at += 8 + bytes.readUInt32LE(at + 4)) {
    const chunk = bytes.toString('latin1', at, at + 4);
    if (chunk === 'fmt ') {
      const format = [bytes.readUInt16LE(at + 10), bytes.readUInt32LE(at + 12)].join();
      if (format !== `1,${SAMPLE_RATE}`) throw wrong(`channels and sample rate are ${format}`);
    }
    if (chunk === 'data') break;
  }
  const nSample = Math.min(MAX_SAMPLES, Math.floor((bytes.length - at - 8) / 2));
  return Float32Array.from(
    { length: nSample },
    (_, i) => bytes.readInt16LE(at + 8 + i * 2) / 32768,
  );
}

/** A table for people. */
export function describeRecognition({
  model,
  clips,
  peers,
  skipped,
  rounds,
}: RecognitionBench): string {
  const audio = clips.reduce((sum, { seconds }) => sum + seconds, 0);
  const base = peers.find(({ name }) => name === 'faster-whisper-int8');
  const rows = peers.map((peer) => {
    const { label, seconds, realTimeFactor, wordErrorRate, memoryBytes } = peer;
    const rate = wordErrorRate === null ? '-' : `${(wordErrorRate * 100).toFixed(1)} %`;
    const ratio = base === undefined ? '-' : (seconds / base.seconds).toFixed(2);
    const memory = memoryBytes === null ? '-' : `${(memoryBytes / 1e6).toFixed(1)} MB`;
    return `| ${label} | ${seconds.toFixed(2)} s | ${realTimeFactor.toFixed(3)} | ${ratio} | ${rate} | ${memory} |`;
  });
  return [
    `${model}: ${clips.length} recordings, ${audio.toFixed(1)} s, medians of ${rounds} rounds`,
    '',
    '| | time | real-time factor | against int8 | word errors | memory |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows,
    ...skipped.map(({ name, why }) => `\n${name} was left out: ${why}`),
    '',
  ].join('\n');
}
