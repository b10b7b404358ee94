/**
 * The imported voice against the file it was made from, which onnxruntime runs whole and in floats.
 * Without noise both are deterministic.
 */
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { powerSpectrum } from '../../support/spectrum.ts';
import type { OnnxManifest } from '../../../engine/manifest/manifest.ts';
import type { Voice } from '../../../engine/manifest/onnx.ts';
import { phonemeIds } from '../../../engine/voice/phoneme-ids.ts';
import { loadLocalOnnx, openOrtRuntime } from '../../../scripts/node-host/onnx.ts';
import type { OnnxModel } from '../../../worker/onnx/load-model.ts';
import { requireTask } from '../../../worker/onnx/tasks/require-task.ts';
import { MAX_SPEAK_IDS, speakIds } from '../../../worker/onnx/tasks/speak.ts';
import type { SpeakOptions } from '../../../worker/onnx/tasks/speak.ts';
import { float32Of, float32Tensor, int64Tensor } from '../../../worker/onnx/tensors.ts';
import { importedModel } from '../../support/models.ts';
import { findModelFile } from '../../support/needs.ts';

const ID = 'piper-en-us-joe';
const file = findModelFile(ID);
const PHONEMES = 'ðə kwˈɪk bɹˈaʊn fˈɑːks dʒˈʌmps ˌoʊvɚ ðə lˈeɪzi dˈɑːɡ, ænd ɪt ɹˈʌnz əwˈeɪ.';
const QUIET: SpeakOptions = { noiseScale: 0, noiseW: 0 };
/** Of a mean log-spectrum; a wrong channel's scale in the flow alone makes 2. */
const MAX_SPECTRAL_DB = 0.6;
/** Rounded weights move a few durations by a frame. */
const MAX_FRAMES_OFF = 0.03;

describe.skipIf(file === null)('a voice', () => {
  let manifest: OnnxManifest;
  let model: OnnxModel;
  let voice: Voice;
  let ids: number[];

  beforeAll(async () => {
    const imported = await importedModel(ID, 'onnx');
    manifest = imported.manifest;
    model = await loadLocalOnnx(await openOrtRuntime(), imported.folder, manifest);
    voice = requireTask(manifest, 'speech-synthesis').voice;
    ids = phonemeIds(PHONEMES, voice.phonemeIds);
  });

  async function speak(options: SpeakOptions, spoken = ids): Promise<Float32Array> {
    const chunks: number[] = [];
    for await (const chunk of speakIds(model, voice, spoken, options)) chunks.push(...chunk);
    return Float32Array.from(chunks);
  }

  async function original(): Promise<Float32Array> {
    const runtime = await openOrtRuntime();
    const bytes = new Uint8Array(await readFile(file ?? ''));
    const graph = await runtime.load('original', { graph: bytes, weights: [] }, 'all');
    const outputs = await graph.run({
      input: int64Tensor(ids, [1, ids.length]),
      input_lengths: int64Tensor([ids.length], [1]),
      scales: float32Tensor(Float32Array.of(0, 1, 0), [3]),
    });
    return float32Of(outputs, 'output');
  }

  test('fits an isolate', () => {
    expect(manifest.memory.peakBytes).toBeLessThan(90_000_000);
    expect(manifest.graphs.map(({ name }) => name)).toEqual(['encoder', 'flow', 'vocoder']);
  });

  test('sounds as the original', async () => {
    const [ours, theirs] = [await speak(QUIET), await original()];
    const frames = [ours.length / voice.hop, theirs.length / voice.hop] as const;
    expect(Math.abs(frames[0] - frames[1]) / frames[1]).toBeLessThan(MAX_FRAMES_OFF);
    const [a, b] = [powerSpectrum(ours), powerSpectrum(theirs)];
    const distance = a.reduce((sum, value, i) => sum + Math.abs(10 * Math.log10(value / b[i]!)), 0);
    expect(distance / a.length).toBeLessThan(MAX_SPECTRAL_DB);
    // The measure bites: the same sound, a tenth louder and darker, is further away.
    const darker = powerSpectrum(ours.map((sample, i) => sample + 0.3 * (ours[i - 1] ?? 0)));
    const off = darker.reduce((sum, value, i) => sum + Math.abs(10 * Math.log10(value / b[i]!)), 0);
    expect(off / a.length).toBeGreaterThan(MAX_SPECTRAL_DB);
  });

  test('windows are those of the whole', async () => {
    const [vocoder, flow] = ['vocoder', 'flow'].map((name) =>
      manifest.graphs.find((graph) => graph.name === name),
    );
    const nFrame = 88;
    const latent = Float32Array.from({ length: voice.channels * nFrame }, (_, i) =>
      Math.sin(i * i),
    );
    const run = async (row: typeof vocoder, from: number, to: number) => {
      const part = Float32Array.from({ length: voice.channels * (to - from) }, (_, i) => {
        const channel = Math.floor(i / (to - from));
        return latent[channel * nFrame + from + (i % (to - from))]!;
      });
      const dims = [1, voice.channels, to - from];
      const feeds = { [row?.inputs[0]?.name ?? '']: float32Tensor(part, dims) };
      const mask = row?.inputs[1]?.name;
      if (mask !== undefined)
        feeds[mask] = float32Tensor(new Float32Array(to - from).fill(1), [1, 1, to - from]);
      return float32Of(await model.run(row?.name ?? '', feeds), row?.outputs[0]?.name ?? '');
    };
    // 20 frames in the middle, with as much context as speak.ts gives.
    const wave = (await run(vocoder, 0, nFrame)).slice(34 * voice.hop, 54 * voice.hop);
    const window = (await run(vocoder, 22, 66)).slice(12 * voice.hop, 32 * voice.hop);
    expect(largestDifference(wave, window)).toBeLessThan(1e-4);
    const whole = await run(flow, 0, nFrame);
    const cut = await run(flow, 2, 86);
    const row = (from: Float32Array, width: number, at: number) =>
      from.slice(5 * width + at, 5 * width + at + 20);
    expect(largestDifference(row(whole, nFrame, 34), row(cut, 84, 32))).toBeLessThan(1e-4);
  });

  test('a seed gives the same samples, another seed others', async () => {
    const short = ids.slice(0, 41);
    const [a, b, c] = [
      await speak({ seed: 4 }, short),
      await speak({ seed: 4 }, short),
      await speak({ seed: 5 }, short),
    ];
    expect(a).toEqual(b);
    expect(a).not.toEqual(c);
  });

  test('twice as slow is twice as long', async () => {
    const short = ids.slice(0, 61);
    const [once, twice] = [
      await speak(QUIET, short),
      await speak({ ...QUIET, lengthScale: 2 }, short),
    ];
    expect(twice.length / once.length).toBeGreaterThan(1.7);
    expect(twice.length / once.length).toBeLessThan(2.1);
  });

  test('more ids than the encoder was measured with are refused', async () => {
    await expect(speak(QUIET, Array<number>(MAX_SPEAK_IDS + 1).fill(14))).rejects.toThrow(
      'at most',
    );
  });
});

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}
