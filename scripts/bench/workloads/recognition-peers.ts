/** The peers of the bench of recognition: our server in workerd, our engine in Node, faster-whisper. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { tmpdir } from 'node:os';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { EngineError } from '../../../engine/base/errors.ts';
import { requireKind } from '../../../engine/manifest/manifest.ts';
import { planRecognition } from '../../../engine/model/recognition/plan.ts';
import { DEFAULT_TRANSCRIBE, SAMPLE_RATE } from '../../../engine/transcribe/types.ts';
import { startServer } from '../../dev/server.ts';
import { pushStep } from '../../dev/prepare.ts';
import { loadLocalRecogniser } from '../../node-host/recognition.ts';
import { modelsDir } from '../../lib/paths.ts';
import { pullModel } from '../../pull/pull.ts';
import { readImported } from '../../push/push.ts';
import { stageHeapBytes } from '../peers/isolate-memory.ts';

export interface RecognitionAnswer {
  readonly text: string;
  readonly seconds: number;
}
export interface RecognitionPeer {
  readonly transcribe: (path: string, samples: Float32Array) => Promise<RecognitionAnswer>;
  /** Bytes of JavaScript heap and WebAssembly; missing where they are unknown. */
  readonly memory?: () => Promise<number>;
  close(): Promise<void>;
}
export interface RecognitionConfig {
  readonly modelId: string;
  /** A Python that has faster-whisper, or null. */
  readonly python: string | null;
  /** Where the benched server keeps R2 and objects. */
  readonly persist: string;
  readonly language: string;
}
export interface RecognitionPeerRow {
  readonly name: string;
  readonly label: string;
  readonly isOther: boolean;
  readonly start: (config: RecognitionConfig) => Promise<RecognitionPeer>;
}

export const SPEECH_PEERS: readonly RecognitionPeerRow[] = [
  {
    name: 'workerd',
    label: 'Thimble in workerd, over HTTP',
    isOther: false,
    start: startWorkerd,
  },
  { name: 'node', label: 'Thimble in Node', isOther: false, start: startNode },
  {
    name: 'faster-whisper-int8',
    label: 'faster-whisper int8, 1 thread, beam 1',
    isOther: true,
    start: (config) => startFasterWhisper(config, 'int8'),
  },
  {
    name: 'faster-whisper-float32',
    label: 'faster-whisper float32, 1 thread, beam 1',
    isOther: true,
    start: (config) => startFasterWhisper(config, 'float32'),
  },
];

/** A rest of a recording that is shorter than this holds no word. */
const LEAST_SAMPLES = SAMPLE_RATE / 10;

async function timed(work: () => Promise<string>): Promise<RecognitionAnswer> {
  const begin = performance.now();
  const text = await work();
  return { text, seconds: (performance.now() - begin) / 1000 };
}

async function startWorkerd({
  modelId,
  persist,
  language,
}: RecognitionConfig): Promise<RecognitionPeer> {
  await pushStep(modelId, persist);
  const server = await startServer({ port: 0, host: '127.0.0.1', persist, inspectorPort: 0 });
  return {
    transcribe: (path) =>
      timed(async () => {
        const form = new FormData();
        form.set('file', new File([await readFile(path)], basename(path)));
        form.set('model', modelId);
        form.set('language', language);
        const url = `${server.url}/v1/audio/transcriptions`;
        const response = await fetch(url, { method: 'POST', body: form });
        const body = await response.json<{ text?: string; error?: { message: string } }>();
        if (body.text === undefined) throw new Error(`bench: ${body.error?.message}`);
        return body.text;
      }),
    memory: async () => {
      const { manifest } = await readImported(join(modelsDir(), modelId), modelId);
      // /readyz reports text models only; the plan is what was allocated.
      const { wasmBytes } = planRecognition(requireKind(manifest, 'recognition'));
      return (await stageHeapBytes(server)) + wasmBytes;
    },
    close: () => server.close(),
  };
}

async function startNode({ modelId, language }: RecognitionConfig): Promise<RecognitionPeer> {
  const { engine, tokenizer } = await loadLocalRecogniser(modelId);
  const { signal } = new AbortController();
  return {
    transcribe: (_, samples) =>
      timed(async () => {
        let text = '';
        for (let at = 0; samples.length - at > LEAST_SAMPLES;) {
          const request = { ...DEFAULT_TRANSCRIBE, language, samples: samples.slice(at) };
          for await (const event of engine.transcribe(request, signal)) {
            if (event.type === 'segment') text += tokenizer.decode(event.tokens);
            // What comes after the last whole segment is transcribed again.
            if (event.type === 'done')
              at += Math.max(LEAST_SAMPLES, Math.round(event.consumedSeconds * SAMPLE_RATE));
          }
        }
        return text;
      }),
    close: () => Promise.resolve(engine.close()),
  };
}

async function startFasterWhisper(
  { modelId, python, language }: RecognitionConfig,
  computeType: string,
): Promise<RecognitionPeer> {
  if (python === null)
    throw new EngineError(
      'E_USAGE',
      'bench: no Python with faster-whisper; give --python FILE or set THIMBLE_PYTHON.',
    );
  const folder = await ctranslate2Folder(modelId);
  const script = join(import.meta.dirname, 'faster-whisper.py');
  const child = spawn(python, [script, folder.path, computeType, language], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, OMP_NUM_THREADS: '1' },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<Partial<RecognitionAnswer> & { ready?: boolean }> => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error('bench: faster-whisper ended without an answer');
    return JSON.parse(value) as Partial<RecognitionAnswer>;
  };
  child.on('error', () => child.stdout.destroy());
  await next();
  return {
    async transcribe(path) {
      child.stdin.write(`${JSON.stringify({ path })}\n`);
      const { text = '', seconds = NaN } = await next();
      return { text, seconds };
    },
    async close() {
      child.stdin.end();
      child.kill();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** What faster-whisper reads: one model.bin beside its config and tokenizer. */
async function ctranslate2Folder(modelId: string): Promise<{ path: string } & AsyncDisposable> {
  const pulled = await pullModel(modelId);
  const dir = dirname(pulled.path);
  if (basename(pulled.path) === 'model.bin')
    return { path: dir, [Symbol.asyncDispose]: () => Promise.resolve() };
  const path = await mkdtemp(join(tmpdir(), 'thimble-speech-'));
  const parts = [
    await readFile(join(dir, 'model.bin.part1')),
    await readFile(join(dir, 'model.bin.part2')),
  ];
  for (const part of parts) await writeFile(join(path, 'model.bin'), part, { flag: 'a' });
  for (const name of ['config.json', 'tokenizer.json', 'vocabulary.txt'])
    await symlink(join(dir, name), join(path, name));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
