/** What `thimble bench --embeddings` and `--retrieval` run: a server of their own, then the measurements. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { sentencesOf } from '../../../engine/text/chunk-text.ts';
import { build } from '../../build/build.ts';
import { obtainModel, pushStep } from '../../dev/prepare.ts';
import { startServer } from '../../dev/server.ts';
import type { RunningServer } from '../../dev/server.ts';
import { loadLocalEncoder } from '../../node-host/encoder.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { benchEmbeddings, describeEmbeddings } from './embeddings.ts';
import { benchRetrieval, describeRetrieval } from './retrieval.ts';

export interface EncoderBenchFlags {
  readonly model: string;
  readonly embeddings?: boolean;
  readonly retrieval?: string;
  readonly peerGraph?: string;
  readonly rounds?: number;
  readonly json?: boolean;
}

const DEFAULT_ROUNDS = 5;
const N_SENTENCE = 10_200;
const SENTENCE_CHARS = { min: 20, max: 400 } as const;

/** @throws {EngineError} E_USAGE, E_MODEL_KIND, what the server answers. */
export async function runEncoderBenches(flags: EncoderBenchFlags): Promise<void> {
  await build();
  await obtainModel(flags.model);
  const persist = await mkdtemp(join(tmpdir(), 'thimble-bench-'));
  const note = (line: string) => process.stderr.write(`${line}\n`);
  const start = () =>
    startServer({
      port: 0,
      host: '127.0.0.1',
      persist,
      vars: { DEFAULT_MODEL: flags.model, EMBEDDING_MODEL: flags.model },
    });
  let server: RunningServer | null = null;
  try {
    await pushStep(flags.model, persist);
    server = await start();
    const { url } = server;
    const results: Record<string, unknown> = { model: flags.model };
    const show = (text: string) => flags.json === true || process.stdout.write(text);
    if (flags.embeddings === true) {
      const rows = await benchEmbeddings({
        modelId: flags.model,
        peerGraph: flags.peerGraph ?? null,
        url,
        rounds: flags.rounds ?? DEFAULT_ROUNDS,
        onProgress: note,
      });
      results['embeddings'] = rows;
      show(describeEmbeddings(rows));
    }
    if (flags.retrieval !== undefined) {
      const restart = async () => {
        await server?.close();
        server = await start();
        return server.url;
      };
      const local = await loadLocalEncoder(flags.model);
      const sentences = await readSentences(flags.retrieval);
      const result = await benchRetrieval(url, local, sentences, restart, note);
      results['retrieval'] = result;
      show(describeRetrieval(result));
    }
    process.stdout.write(`${JSON.stringify(results)}\n`);
  } finally {
    await server?.close();
    await rm(persist, { recursive: true, force: true });
  }
}

/** Sentences of a text, each once. */
async function readSentences(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new EngineError('E_USAGE', `bench: ${path} cannot be read. Give a text file.`, { cause });
  });
  const all = sentencesOf(text).map(({ start, end }) => text.slice(start, end));
  const { min, max } = SENTENCE_CHARS;
  const fitting = all.filter(({ length }) => length >= min && length <= max);
  return [...new Set(fitting)].slice(0, N_SENTENCE);
}
