/** A document as a data set: its passages, what is asked about them, and what the base says with them in context. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import type { Tokenizer } from '../../engine/text/tokenizer.ts';
import { makeFolder } from '../train/checkpoint.ts';
import type { DocumentConfig, FinetuneConfig } from './config.ts';
import { type Dataset, divideExamples } from './dataset.ts';
import { readDocument, readDocumentQuestions } from './document/passages.ts';
import { MAX_ANSWER_TOKENS, makeStudy } from './document/study.ts';
import { RowEncoder } from './encode.ts';
import { Teacher } from './teacher.ts';

export interface StudyDatasetOptions {
  /** Where the study is kept. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly modelsRoot?: string;
  readonly onPassage: (nDone: number, nPassage: number) => void;
}

/** A data set, and the tokens of the document that a prefix begins with. */
export interface StudyDataset extends Dataset {
  readonly opening: readonly number[];
}

/** Passages that a teacher has in context beside what it is asked: one, and itself again as what follows. */
const CONTEXT_PASSAGES = 3;
const ASKED_TOKENS = 512;

/** @throws {EngineError} E_USAGE, E_ABORTED, E_DISK; what loading the teacher throws */
export async function readStudyDataset(
  config: FinetuneConfig,
  { questions, nQuestion, hasRest, passageTokens }: DocumentConfig,
  manifest: DecoderManifest,
  tokenizer: Tokenizer,
  { folder, signal, modelsRoot, onPassage }: StudyDatasetOptions,
): Promise<StudyDataset> {
  const { data, seed, model, teacher: named, prefix } = config;
  const maxTokens = Math.min(config.maxTokens, manifest.config.nCtx - prefix);
  const document = await readDocument(data, tokenizer, passageTokens);
  const asked = questions === null ? [] : await readDocumentQuestions(questions, document);
  const nCtx = CONTEXT_PASSAGES * passageTokens + ASKED_TOKENS + MAX_ANSWER_TOKENS;
  const teacher = await Teacher.load(named ?? model, manifest, nCtx, modelsRoot);
  const made = [
    ...[seed, maxTokens, nQuestion, hasRest, passageTokens],
    ...[named ?? model, document.text, asked],
  ];
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([made, teacher.shards]))
    .digest('hex');
  await makeFolder(folder);
  const encoder = new RowEncoder({ tokenizer, manifest });
  const all = await makeStudy(
    { document, asked, tokenizer, encoder, teacher },
    {
      ...{ file: join(folder, 'study.jsonl'), fingerprint, nQuestion, hasRest },
      ...{ seed, maxTokens, signal, onPassage },
    },
  );
  const examples = all.filter(({ texts }) => texts.every(({ learned }) => learned.includes(1)));
  if (examples.length === 0)
    throw new EngineError(
      'E_USAGE',
      `document: nothing is asked about ${data}. Give --questions, or more of --questions-each.`,
      { param: 'document' },
    );
  return {
    ...divideExamples(examples, config),
    ...{ form: 'document', nCut: 0, nSkipped: all.length - examples.length, nRow: all.length },
    ...{ maxTokens, invocation: null, opening: document.tokens },
    sha256: createHash('sha256').update(document.text).digest('hex'),
  };
}
