/** A decoded recording between the audio script and whoever listens. */
import { readSound } from '../platform/sound-frames.ts';
import type { SoundFrame } from '../platform/sound-frames.ts';

export interface AudioInfo {
  readonly container: string;
  /** Of the file; samples come at the rate that was asked for. */
  readonly sampleRate: number;
  readonly nChannel: number;
  readonly statedSeconds: number | null;
}
export interface AudioEnd {
  readonly seconds: number;
  /** The file ends before its own header says it does. */
  readonly isTruncated: boolean;
}
export type AudioFrame = SoundFrame<AudioInfo, AudioEnd>;

/** Above what the audio script writes at once. */
const MAX_FRAME_BYTES = 4 * 1024 * 1024;

/** @throws {EngineError} what the recording is refused for; E_BACKEND_UNAVAILABLE when it breaks off. */
export function readAudio(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<AudioFrame, void, void> {
  return readSound(stream, 'audio', MAX_FRAME_BYTES);
}
