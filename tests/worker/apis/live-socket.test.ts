/** A microphone that stops: told so, and let go. */
import { afterEach, expect, test, vi } from 'vitest';
import { Tokenizer } from '../../../engine/text/tokenizer.ts';
import { DEFAULT_TRANSCRIBE } from '../../../engine/transcribe/types.ts';
import { LiveTranscriber } from '../../../engine/transcribe/live/live-transcriber.ts';
import { IDLE_TIMEOUT_MS, LiveSocket } from '../../../worker/apis/audio/recognition/live-socket.ts';

afterEach(() => vi.useRealTimers());

/** A socket over which nothing is ever said: neither detector nor recogniser is asked. */
function silentSocket() {
  const said: { type: string }[] = [];
  const closed: number[] = [];
  let isAborted = false;
  const nobody = () => {
    throw new Error('nothing was said');
  };
  const vocabulary = '{"model":{"type":"BPE","vocab":{"a":0},"merges":[]}}';
  const facts = { addBos: false, bosId: null, eosIds: [] };
  const transcriber = new LiveTranscriber({
    detect: nobody,
    transcribe: nobody,
    tokenizer: Tokenizer.parse(vocabulary, facts),
    options: DEFAULT_TRANSCRIBE,
    emit: nobody,
  });
  const socket = new LiveSocket(
    {
      send: (text) => said.push(JSON.parse(text) as { type: string }),
      close: (code) => closed.push(code),
      abort: () => (isAborted = true),
      sampleRate: 16_000,
    },
    transcriber,
  );
  return { socket, said, closed, isAborted: () => isAborted };
}

test('nothing for a minute ends the connection with the reason', () => {
  vi.useFakeTimers();
  const { socket, said, closed, isAborted } = silentSocket();
  void socket.run().catch(() => undefined);
  vi.advanceTimersByTime(IDLE_TIMEOUT_MS - 1);
  expect(closed).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(said).toEqual([expect.objectContaining({ type: 'error' })]);
  expect(JSON.stringify(said)).toContain('nothing came for 60 seconds');
  expect(closed).toEqual([1008]);
  expect(isAborted()).toBe(true);
});

test('every message starts the minute anew, also half a sample', () => {
  vi.useFakeTimers();
  const { socket, closed } = silentSocket();
  void socket.run().catch(() => undefined);
  for (let i = 0; i < 3; i++) {
    vi.advanceTimersByTime(IDLE_TIMEOUT_MS - 1);
    socket.receive(new Uint8Array(i === 0 ? 1 : 0).buffer);
  }
  expect(closed).toEqual([]);
});
