/** What the Chromium peer's page runs: the engine, fed over HTTP, answering the bench's questions. */
import type { DecoderManifest } from '../../../engine/manifest/manifest.ts';
import { parseManifest, requireKind } from '../../../engine/manifest/manifest.ts';
import { Engine } from '../../../engine/generate/engine.ts';
import type { ModelSource } from '../../../engine/model/memory/source.ts';
import { benchRequest, engineAnswers, fillContext, timeGeneration } from './engine-answers.ts';
import { benchTokens } from './peer.ts';
import type { Question } from './peer.ts';

/** What the page offers to the process that drives it. */
export interface BenchPage {
  /** Loads the model; milliseconds from nothing to the first token. */
  start(): Promise<number>;
  ask(question: Question, salt: number): Promise<number>;
  /** The whole context once; bytes of WebAssembly memory. */
  fillContext(salt: number): Promise<number>;
}

let engine: Engine | null = null;
let nVocab = 0;

const page: BenchPage = {
  async start() {
    const startedAt = performance.now();
    const parsed = parseManifest(await (await fetch('/model/manifest.json')).json());
    const manifest = requireKind(parsed, 'decoder');
    nVocab = manifest.config.nVocab;
    const source: ModelSource<DecoderManifest> = {
      manifest,
      async readShard(index, into) {
        const response = await fetch(`/model/${manifest.shards[index]?.file}`);
        into.set(new Uint8Array(await response.arrayBuffer()));
      },
    };
    const modules = { relaxed: await compile('relaxed'), simd: await compile('simd') };
    engine = await Engine.load(source, modules, { memoryBudgetBytes: null });
    await timeGeneration(engine, benchRequest(benchTokens(16, 0, nVocab), 1));
    return performance.now() - startedAt;
  },
  async ask(question, salt) {
    const answers = engineAnswers(loaded(), nVocab);
    const answer = answers[question.ask as keyof typeof answers] as
      ((question: Question, salt: number) => Promise<number>) | undefined;
    if (answer === undefined) throw new Error(`page: cannot answer ${question.ask}`);
    return await answer(question, salt);
  },
  async fillContext(salt) {
    await fillContext(loaded(), salt, nVocab);
    return loaded().plan.wasmBytes;
  },
};

function loaded(): Engine {
  if (engine === null) throw new Error('page: start() first');
  return engine;
}

async function compile(name: string): Promise<WebAssembly.Module> {
  const bytes = await (await fetch(`/kernels/${name}.wasm`)).arrayBuffer();
  const compiler = WebAssembly as unknown as {
    compile(bytes: ArrayBuffer): Promise<WebAssembly.Module>;
  };
  return await compiler.compile(bytes);
}

(globalThis as unknown as { benchPage: BenchPage }).benchPage = page;
