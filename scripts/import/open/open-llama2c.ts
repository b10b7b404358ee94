/** Opens a llama2.c model file and the tokenizer file beside it as a model. */
import { access } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { archByName } from '../../../engine/archs/index.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { readLlama2c, readLlama2cVocab } from '../../../engine/formats/llama2c.ts';
import { tokenizerJsonFromPieces } from '../../../engine/text/tokenizer-json.ts';
import { openFileSource } from '../../lib/file-source.ts';
import { checkConfig, openedDecoder } from './opened-model.ts';
import type { OpenedModel } from './opened-model.ts';

/** Not in the file: run.c has it as a constant. */
const NORM_EPS = 1e-5;
const ROPE_THETA = 10000;

/**
 * @param tokenizerPath the tokenizer file; without it tok<nVocab>.bin or tokenizer.bin beside it
 * @throws {EngineError} what the reader throws; E_SOURCE_UNAVAILABLE without a tokenizer.
 */
export async function openLlama2c(
  path: string,
  open: AsyncDisposableStack,
  tokenizerPath?: string,
): Promise<OpenedModel> {
  const source = open.use(await openFileSource(path));
  const { header, tensors } = await readLlama2c(source);
  const { nEmbd, nHead, tiedHead, nVocab } = header;
  const headDim = nEmbd / nHead;
  await using vocabulary = await openFileSource(
    tokenizerPath ?? (await findTokenizer(path, nVocab)),
  );
  const vocab = await readLlama2cVocab(vocabulary, nVocab);
  const config = checkConfig(source.name, {
    nLayer: header.nLayer,
    nEmbd,
    nHead,
    nKvHead: header.nKvHead,
    headDim,
    nFf: header.nFf,
    nVocab,
    nCtx: header.nCtx,
    normEps: NORM_EPS,
    ropeTheta: ROPE_THETA,
    ropePairing: 'adjacent',
    ropeDim: headDim,
    ropeScaling: { kind: 'none' },
    tiedHead,
  });
  return {
    ...openedDecoder(archByName('llama'), config, null),
    format: 'llama2c',
    files: [source],
    tensors,
    naming: 'gguf',
    wanted: new Set(),
    tokenizer: tokenizerJsonFromPieces(vocab),
    name: source.name.replace(/\.bin$/, ''),
    licence: '',
    card: '',
  };
}

async function findTokenizer(path: string, nVocab: number): Promise<string> {
  const names = [`tok${nVocab}.bin`, 'tokenizer.bin'];
  for (const name of names) {
    const candidate = join(dirname(path), name);
    const found = await access(candidate).then(
      () => true,
      () => false,
    );
    if (found) return candidate;
  }
  throw new EngineError(
    'E_SOURCE_UNAVAILABLE',
    `${basename(path)}: no tokenizer; expected ${names.join(' or ')} beside it. ` +
      'Put it there or name it with --tokenizer FILE.',
    { details: { names } },
  );
}
