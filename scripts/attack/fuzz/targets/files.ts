/** Readers of models' files: formats of weights, tokenizers, manifests, placements. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { memorySource } from '../../../../engine/formats/byte-source.ts';
import { readCtranslate2 } from '../../../../engine/formats/ctranslate2.ts';
import { readGguf } from '../../../../engine/formats/gguf.ts';
import { readLlama2c, readLlama2cVocab } from '../../../../engine/formats/llama2c.ts';
import { readSafetensors, readSafetensorsIndex } from '../../../../engine/formats/safetensors.ts';
import { parseManifest } from '../../../../engine/manifest/manifest.ts';
import { parsePlacementText } from '../../../../engine/manifest/placement.ts';
import { readOnnxModel } from '../../../../engine/onnx/read-model.ts';
import { writeOnnxModel } from '../../../../engine/onnx/write-model.ts';
import { emptyPlacement } from '../../../../engine/placement/changes.ts';
import { readSentencePiece, sentencePieceJson } from '../../../../engine/text/sentence-piece.ts';
import { tokenizerJsonFromGguf } from '../../../../engine/text/tokenizer-json.ts';
import { Tokenizer } from '../../../../engine/text/tokenizer.ts';
import { readWhisperGgml } from '../../../import/open/read-whisper-ggml.ts';
import { repoRoot } from '../../../lib/paths.ts';
import type { FuzzTarget, FuzzTargets } from '../fuzz-target.ts';
import { mutateBytes, mutateJson, mutateText } from '../mutate.ts';
import type { Random } from '../random.ts';
import { ByteWriter, onnxSeed, sentencePieceSeed, tokenizerSeeds } from './seeds.ts';

/** A target over the bytes of seeds. */
function bytesTarget(
  name: string,
  seeds: readonly Uint8Array[],
  read: (bytes: Uint8Array) => unknown,
): FuzzTarget {
  return { name, run: (random) => read(mutateBytes(random.pick(seeds), random)) };
}

/** Texts that tempt patterns to backtrack, and vocabularies to misbehave. */
const PROBES = [
  'x'.repeat(60),
  `${'ab '.repeat(30)}!`,
  '\u0301'.repeat(40),
  '1'.repeat(50),
  ' \n'.repeat(30),
];

function readTokenizer(json: string, random: Random): void {
  const facts = { addBos: random.chance(0.5), bosId: 1, eosIds: [2] };
  const tokenizer = Tokenizer.parse(json, facts);
  const ids = tokenizer.encode(random.pick(PROBES), { special: random.chance(0.5) });
  tokenizer.decode(ids);
}

export const fileTargets: FuzzTargets = async () => {
  const stories = await readFile(join(repoRoot, 'assets/stories260k/stories260K.bin'));
  const vocabulary = await readFile(join(repoRoot, 'assets/stories260k/tok512.bin'));
  const gguf = new ByteWriter().gguf();
  const safetensors = new ByteWriter().safetensors();
  const tokenizers = tokenizerSeeds();
  const manifest = {
    format: 1,
    id: 'm',
    kind: 'decoder',
    architecture: 'llama',
    config: { nLayer: 1 },
  };
  const placement = { ...emptyPlacement(), models: [{ id: 'm', version: 'v', pieces: [] }] };
  return [
    bytesTarget('gguf', [gguf], async (bytes) => {
      const file = await readGguf([memorySource('a.gguf', bytes)]);
      tokenizerJsonFromGguf(file.metadata);
    }),
    bytesTarget('safetensors', [safetensors], (bytes) =>
      readSafetensors([memorySource('a.safetensors', bytes)]),
    ),
    bytesTarget(
      'safetensors-index',
      [new TextEncoder().encode('{"weight_map":{"a":"b.safetensors"}}')],
      (bytes) => readSafetensorsIndex(memorySource('a.json', bytes)),
    ),
    bytesTarget('llama2c', [stories.subarray(0, 4096)], (bytes) =>
      readLlama2c(memorySource('a.bin', bytes)),
    ),
    bytesTarget('llama2c-vocabulary', [vocabulary], (bytes) =>
      readLlama2cVocab(memorySource('a.bin', bytes), 512),
    ),
    bytesTarget('ctranslate2', [new ByteWriter().ctranslate2()], (bytes) =>
      readCtranslate2(memorySource('model.bin', bytes)),
    ),
    bytesTarget(
      'whisper-ggml',
      [
        new ByteWriter()
          .u32(0x67676d6c)
          .u32(...Array<number>(40).fill(1))
          .bytes(),
      ],
      (bytes) => readWhisperGgml(memorySource('ggml.bin', bytes)),
    ),
    bytesTarget('onnx', [writeOnnxModel(onnxSeed())], (bytes) => readOnnxModel('a.onnx', bytes)),
    bytesTarget('sentence-piece', [sentencePieceSeed()], (bytes) =>
      sentencePieceJson(readSentencePiece(bytes)),
    ),
    {
      name: 'tokenizer-json',
      run: (random) =>
        readTokenizer(JSON.stringify(mutateJson(random.pick(tokenizers), random)), random),
    },
    {
      name: 'tokenizer-text',
      run: (random) =>
        readTokenizer(mutateText(JSON.stringify(random.pick(tokenizers)), random), random),
    },
    { name: 'manifest', run: (random) => parseManifest(mutateJson(manifest, random)) },
    {
      name: 'placement',
      run: (random) => parsePlacementText(JSON.stringify(mutateJson(placement, random))),
    },
    {
      name: 'placement-text',
      run: (random) => parsePlacementText(mutateText(JSON.stringify(placement), random)),
    },
  ];
};
