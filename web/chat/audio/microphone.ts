/** The microphone's sound to the server, what it hears back as text, until the speaker pauses. */
import { keyProtocols } from '../../access/key.ts';
import processorSource from 'worklet:./pcm-processor.ts';

/** Sample rate of /v1/realtime/transcribe. */
const SAMPLE_RATE = 16_000;
/** A pause after which a question counts as complete. */
const PAUSE_MS = 900;

/** The server's messages that are read here (docs/audio.md). */
type RealtimeEvent =
  | { readonly type: 'ready' | 'end' }
  | { readonly type: 'partial' | 'final'; readonly text: string }
  | { readonly type: 'error'; readonly error: { readonly message: string } };

export class Microphone {
  #end: (() => void) | null = null;

  get isListening(): boolean {
    return this.#end !== null;
  }

  /** Ends `listen` with what has been heard so far. */
  stop(): void {
    this.#end?.();
  }

  /**
   * @param onStart called when sound is sent
   * @param onText called with everything heard so far, whenever that changes
   * @returns all that was said
   * @throws {Error} with the server's message; a DOMException when there is no microphone
   */
  async listen(onStart: () => void, onText: (text: string) => void): Promise<string> {
    const capture = await openCapture();
    const socket = new WebSocket(
      `${location.origin.replace('http', 'ws')}/v1/realtime/transcribe`,
      keyProtocols(),
    );
    // What is said before the server listens is not lost.
    const waiting: Int16Array<ArrayBuffer>[] = [];
    capture.start((samples) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(samples);
      else waiting.push(samples);
    });
    socket.addEventListener('open', () => waiting.forEach((samples) => socket.send(samples)));
    this.#end = () => {
      capture.stop();
      if (socket.readyState === WebSocket.OPEN) socket.send('{"type":"end"}');
    };
    onStart();
    try {
      return await hear(socket, this.#end, onText);
    } finally {
      capture.stop();
      socket.close();
      this.#end = null;
    }
  }
}

/** Resolves with the final texts when the server has ended, or closed the socket. */
function hear(socket: WebSocket, end: () => void, onText: (text: string) => void): Promise<string> {
  const finals: string[] = [];
  let pause: ReturnType<typeof setTimeout> | undefined;
  return new Promise<void>((resolve, reject) => {
    socket.addEventListener('message', ({ data }: MessageEvent<string>) => {
      const event = JSON.parse(data) as RealtimeEvent;
      switch (event.type) {
        case 'ready':
          break;
        case 'partial':
        case 'final':
          clearTimeout(pause);
          onText([...finals, event.text].join(' '));
          if (event.type === 'partial') break;
          finals.push(event.text);
          pause = setTimeout(end, PAUSE_MS);
          break;
        case 'error':
          reject(new Error(event.error.message));
          break;
        case 'end':
          resolve();
      }
    });
    socket.addEventListener('close', () => resolve());
    socket.addEventListener('error', () =>
      reject(new Error('The connection that carries the microphone was lost. Talk again.')),
    );
  })
    .finally(() => clearTimeout(pause))
    .then(() => finals.join(' ').trim());
}

interface Capture {
  /** Hands the samples of the microphone on from now on. */
  start(onSamples: (samples: Int16Array<ArrayBuffer>) => void): void;
  stop(): void;
}

async function openCapture(): Promise<Capture> {
  const mediaStream = await navigator.mediaDevices.getUserMedia({
    audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true },
  });
  const context = new AudioContext({ sampleRate: SAMPLE_RATE });
  const stop = () => {
    for (const track of mediaStream.getTracks()) track.stop();
    if (context.state !== 'closed') void context.close();
  };
  try {
    const url = URL.createObjectURL(new Blob([processorSource], { type: 'text/javascript' }));
    await context.audioWorklet.addModule(url);
    URL.revokeObjectURL(url);
  } catch (error) {
    stop();
    throw error;
  }
  const worklet = new AudioWorkletNode(context, 'pcm');
  return {
    start(onSamples) {
      worklet.port.onmessage = ({ data }: MessageEvent<Int16Array<ArrayBuffer>>) => onSamples(data);
      new MediaStreamAudioSourceNode(context, { mediaStream }).connect(worklet);
    },
    stop,
  };
}
