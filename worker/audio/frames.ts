/** A decoded recording on its way from the audio script to its reader. */
import { readSound } from '../platform/sound-frames.ts';
import type { SoundFrame } from '../platform/sound-frames.ts';

export interface AudioInfo {
  readonly container: string;
  /** The file's own rate in Hz; samples come at the rate that was asked for. */
  readonly sampleRate: number;
  readonly nChannel: number;
  readonly statedSeconds: number | null;
}
export interface AudioEnd {
  readonly seconds: number;
  /** Whether the file ends before its own header says it does. */
  readonly isTruncated: boolean;
}
export type AudioFrame = SoundFrame<AudioInfo, AudioEnd>;

/** More than the audio script writes at once. */
const MAX_FRAME_BYTES = 4 * 1024 * 1024;

/** @throws {EngineError} the recording's own error; E_BACKEND_UNAVAILABLE when the stream breaks off. */
export function readAudio(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<AudioFrame, void, void> {
  return readSound(stream, 'audio', MAX_FRAME_BYTES);
}
