/** Decoders of recordings and pictures, through the functions that the scripts call. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encode as encodePng } from 'fast-png';
import { encode as encodeJpeg } from 'jpeg-js';
import { readPicture } from '../../../../worker/documents/read-picture.ts';
import { decodeAudio } from '../../../../worker/audio/decode-stream.ts';
import type { DecoderModules } from '../../../../worker/audio/open-audio.ts';
import { distDir, repoRoot } from '../../../lib/paths.ts';
import { compileWasm } from '../../../node-host/compile-wasm.ts';
import type { FuzzTarget, FuzzTargets } from '../fuzz-target.ts';
import { mutateBytes } from '../mutate.ts';

/** Bytes of a recording that mutation begins from: some frames, so that an input takes a millisecond. */
const SEED_BYTES = 6000;
/** Less of what takes longer; whole where the end says what is before it. */
const SEED_BYTES_OF: Readonly<Record<string, number>> = {
  'bursts.aac': 1000,
  'fragments.m4a': 2500,
  'sound.m4a': Infinity,
  'sound.webm': 1500,
};
const SAMPLE_RATE = 16_000;
/** Smaller than the pictures, so that they are made smaller, too. */
const MAX_SIDE = 20;

const FIXTURES: Readonly<Record<string, readonly string[]>> = {
  mp3: ['sound.mp3', 'endless.mp3'],
  opus: ['sound.opus'],
  webm: ['sound.webm'],
  flac: ['sound.flac', 'stereo.flac'],
  wav: ['sound.wav', 'stereo.wav'],
  m4a: ['sound.m4a', 'fragments.m4a'],
  aac: ['bursts.aac'],
  'other-audio': ['vorbis.ogg'],
};

async function decoders(): Promise<DecoderModules> {
  const compile = (name: string) => compileWasm(join(distDir, 'fuel', `${name}.wasm`));
  return { mp3: await compile('mp3'), opus: await compile('opus') };
}

export const mediaTargets: FuzzTargets = async () => {
  const modules = await decoders();
  const audio = await Promise.all(
    Object.entries(FIXTURES).map(async ([name, files]): Promise<FuzzTarget> => {
      const seeds = await Promise.all(
        files.map(async (file) => {
          const bytes = await readFile(join(repoRoot, 'tests/audio/fixtures', file));
          return new Uint8Array(bytes).subarray(0, SEED_BYTES_OF[file] ?? SEED_BYTES);
        }),
      );
      return {
        name,
        isMedia: true,
        async run(random) {
          const bytes = mutateBytes(random.pick(seeds), random);
          const options = { sampleRate: SAMPLE_RATE, raw: null };
          for await (const frame of decodeAudio(bytes, modules, options)) void frame;
        },
      };
    }),
  );
  const pixels = Uint8Array.from({ length: 24 * 16 * 4 }, (_, i) => (i * 37) & 0xff);
  const rgb = pixels.filter((_, i) => i % 4 !== 3);
  const picture = { width: 24, height: 16 };
  const pngs = [
    encodePng({ ...picture, data: rgb, channels: 3 }),
    encodePng({ ...picture, data: pixels, channels: 4 }),
    encodePng({ ...picture, data: rgb.subarray(0, 24 * 16), channels: 1 }),
  ];
  const jpegs = [90, 20].map(
    (quality) => new Uint8Array(encodeJpeg({ ...picture, data: pixels }, quality).data),
  );
  const webp = await compileWasm(join(distDir, 'fuel', 'webp.wasm'));
  const fixtures = async (...names: readonly string[]) =>
    await Promise.all(
      names.map(
        async (name) =>
          new Uint8Array(await readFile(join(repoRoot, 'tests/vision/fixtures', name))),
      ),
    );
  const progressive = await fixtures('progressive.jpg', 'progressive-both.jpg', 'cmyk.jpg');
  const picturesOf = (name: string, seeds: readonly Uint8Array[]): FuzzTarget => ({
    name,
    isMedia: true,
    run: (random) => readPicture(mutateBytes(random.pick(seeds), random), webp, MAX_SIDE),
  });
  return [
    ...audio,
    picturesOf('png', [...pngs, ...(await fixtures('interlaced.png', 'palette-clear.png'))]),
    picturesOf('jpeg', [...jpegs, ...(await fixtures('restarts.jpg', 'turned-6.jpg'))]),
    picturesOf('progressive-jpeg', progressive),
    picturesOf('gif', await fixtures('interlaced.gif', 'animated.gif', 'clear.gif')),
    picturesOf(
      'webp',
      await fixtures('lossy.webp', 'lossless.webp', 'alpha.webp', 'animated.webp'),
    ),
  ];
};
