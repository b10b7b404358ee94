/** Opens a Whisper file of whisper.cpp (ggml-tiny.bin, quantized or not) as a model. */
import { basename } from 'node:path';
import { familyOfFile } from '../../../engine/archs/index.ts';
import type { RecognitionConfig } from '../../../engine/manifest/recognition-config.ts';
import { openFileSource } from '../../lib/file-source.ts';
import { configError, openedRecogniser } from './opened-model.ts';
import type { OpenedModel } from './opened-model.ts';
import { parseText } from './open-safetensors.ts';
import { rankedTokenizerJson } from './ranked-tokens.ts';
import { readWhisperGgml } from './read-whisper-ggml.ts';
import type { WhisperGgmlFile, WhisperGgmlSizes } from './read-whisper-ggml.ts';
import { minAudioCtx, recognitionTokens } from './recognition-tokens.ts';
import { alignmentHeads, suppressedTokens, whisperSpecials } from './whisper-vocabulary.ts';

/** Epsilon of LayerNorm in every Whisper; not in the file. */
const NORM_EPS = 1e-5;

/** @throws {EngineError} what the reader throws; E_FORMAT_INVALID; E_TOKENIZER_INVALID. */
export async function openWhisperGgml(
  path: string,
  open: AsyncDisposableStack,
): Promise<OpenedModel> {
  const source = open.use(await openFileSource(path));
  const where = basename(path);
  const file = await readWhisperGgml(source);
  const { family } = familyOfFile('ggml', 'whisper');
  const json = rankedTokenizerJson(
    file.tokens,
    whisperSpecials(file.tokens.length, file.sizes.nVocab),
  );
  const config = configOf(where, file, json);
  return {
    ...openedRecogniser(family, where, config),
    format: 'ggml',
    files: [source],
    tensors: file.tensors,
    naming: 'ggml',
    wanted: new Set(),
    tokenizer: { json, addBos: false, bosId: null, eosIds: [config.tokens.endOfText] },
    name: where.replace(/\.bin$/, ''),
    licence: '',
    card: '',
  };
}

function configOf(
  where: string,
  { sizes, tensors }: WhisperGgmlFile,
  json: string,
): RecognitionConfig {
  checkStacks(where, sizes);
  const { nMels, nAudioCtx, nTextCtx, nAudioLayer, nTextLayer, nVocab } = sizes;
  const [nEmbd, nHead] = [sizes.nAudioEmbd, sizes.nAudioHead];
  const named = recognitionTokens(parseText(where, json), nVocab);
  const { isMultilingual } = named;
  return {
    ...{ nMels, nAudioCtx, nTextCtx, nAudioLayer, nTextLayer, nVocab, nEmbd, nHead },
    minAudioCtx: minAudioCtx(nAudioCtx),
    // Not among the sizes: the rows of the first product of a feed-forward network.
    nFf: tensors.find(({ name }) => name === 'encoder.blocks.0.mlp.0.weight')?.dims[0] ?? 0,
    normEps: NORM_EPS,
    ...named,
    ...suppressedTokens(json, named),
    alignmentHeads: alignmentHeads({ nAudioLayer, nTextLayer, nHead, isMultilingual }),
  };
}

function checkStacks(where: string, sizes: WhisperGgmlSizes): void {
  const { nAudioEmbd, nTextEmbd, nAudioHead, nTextHead } = sizes;
  if (nAudioEmbd === nTextEmbd && nAudioHead === nTextHead) return;
  throw configError(
    where,
    `stacks of ${nAudioEmbd} and ${nTextEmbd} values, ${nAudioHead} and ${nTextHead} heads; expected the same`,
    { ...sizes },
  );
}
