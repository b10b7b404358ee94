/** The benches of an embedding model: a server of their own, then the measurements. */
import { readFile } from 'node:fs/promises';
import process from 'node:process';
import { EngineError } from '../../../engine/base/errors.ts';
import { requireKind } from '../../../engine/manifest/manifest.ts';
import { sentencesOf } from '../../../engine/text/chunk-text.ts';
import { obtainModel } from '../../dev/prepare.ts';
import { loadLocalEncoder } from '../../node-host/encoder.ts';
import { DEFAULT_ENCODER_ID } from '../../pull/catalogue.ts';
import { withBenchServer } from '../bench-server.ts';
import { benchEmbeddings, describeEmbeddings } from './embeddings.ts';
import { benchRetrieval, describeRetrieval } from './retrieval.ts';

export interface EncoderBenchOptions {
  /** An embedding model; the catalogue's by default. */
  readonly model?: string;
  /** Measure embeddings. */
  readonly embeddings?: boolean;
  /** A text whose sentences make the collection of the bench of retrieval; none leaves it out. */
  readonly retrieval?: string;
  /** An ONNX graph of the model, for onnxruntime-web. */
  readonly peerGraph?: string;
  readonly rounds: number;
  readonly json?: boolean;
}

const N_SENTENCE = 10_200;
const SENTENCE_CHARS = { min: 20, max: 400 } as const;

/** @throws {EngineError} E_USAGE, E_MODEL_KIND, what the server answers. */
export async function runEncoderBenches(options: EncoderBenchOptions): Promise<void> {
  const { model = DEFAULT_ENCODER_ID, rounds } = options;
  const sentences = options.retrieval === undefined ? null : await readSentences(options.retrieval);
  requireKind(await obtainModel(model), 'encoder');
  const note = (line: string) => process.stderr.write(`${line}\n`);
  const show = (text: string) => options.json === true || process.stdout.write(text);
  const vars = { DEFAULT_MODEL: model, EMBEDDING_MODEL: model };
  await withBenchServer({ models: [model], vars }, async ({ server, restart }) => {
    const { url } = server;
    const results: Record<string, unknown> = { model };
    if (options.embeddings === true) {
      const peerGraph = options.peerGraph ?? null;
      const rows = await benchEmbeddings({
        ...{ modelId: model, peerGraph, url, rounds },
        onProgress: note,
      });
      results['embeddings'] = rows;
      show(describeEmbeddings(rows));
    }
    if (sentences !== null) {
      const local = await loadLocalEncoder(model);
      const restarted = async () => (await restart()).url;
      const result = await benchRetrieval(url, local, sentences, restarted, note);
      results['retrieval'] = result;
      show(describeRetrieval(result));
    }
    process.stdout.write(`${JSON.stringify(results)}\n`);
  });
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
