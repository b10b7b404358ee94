/** Adapters of a model over several stages: what one decoder gives, also after a stage was lost. */
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeStored, encodePrefix, encodeStored } from '../../engine/adapters/stored.ts';
import { PagePool, Sequence } from '../../engine/cache/pages.ts';
import type {
  AdapterSource,
  BatchPart,
  DecoderBackend,
} from '../../engine/model/decoder/contract.ts';
import { stageLost } from '../../engine/model/decoder/stage.ts';
import { randomAdapter } from '../support/adapter-fixtures.ts';
import { decoderFrom, sourceFrom, STORIES_FILE } from '../support/models.ts';
import { randomTokens } from '../support/random-llama.ts';
import { BOS } from '../support/requests.ts';
import { prefixOf } from '../support/trained-prefix.ts';
import { RemoteStage, ringOver, stagesFrom, STORIES_PIECES } from '../support/rings.ts';

const TEXT = [BOS, ...randomTokens(30)];
const PLAN = { adapterBytes: 1 << 20 };

let sources: AdapterSource[];
let expected: Float32Array[][];

async function logitsOf(decoder: DecoderBackend, adapters: readonly (string | null)[]) {
  const pool = new PagePool(decoder.limits.nPage);
  const seen: Float32Array[][] = adapters.map(() => []);
  const parts = adapters.map((id, slot): BatchPart => {
    const sequence = new Sequence(pool);
    sequence.reserve(15);
    const adapter = id === null ? null : { id };
    return { sequence, inputs: TEXT.slice(0, 15), slot, logitsFrom: 0, adapter };
  });
  await decoder.forward(parts, (part, index, row) => {
    seen[part]![index] = decoder.logits(row).slice();
  });
  return seen;
}

const CARRIED = [null, 'one', 'two'];

beforeAll(async () => {
  const { decoder, manifest } = await decoderFrom(STORIES_FILE, 'lossless', PLAN);
  sources = ['one', 'two'].map((id, i) => {
    const { bytes } = encodeStored(randomAdapter(manifest, i + 1));
    return { id, file: null, load: (layers) => decodeStored(id, bytes, layers) };
  });
  for (const source of sources) await decoder.holdAdapter(source);
  expected = await logitsOf(decoder, CARRIED);
});

async function newRing() {
  const source = await sourceFrom(STORIES_FILE, 'lossless');
  const stages = await stagesFrom(source, STORIES_PIECES, PLAN);
  const links = stages.map((stage) => new RemoteStage(stage));
  return { source, links, ring: ringOver(source.manifest, stages, links) };
}

describe('a ring with adapters', () => {
  it('gives every row what one decoder gives', async () => {
    const { ring } = await newRing();
    for (const source of sources) await ring.holdAdapter(source);
    expect(await logitsOf(ring, CARRIED)).toEqual(expected);
  });

  it('gives a stage that restarted its matrices again', async () => {
    const { source, links, ring } = await newRing();
    for (const adapter of sources) await ring.holdAdapter(adapter);
    expect(await logitsOf(ring, CARRIED)).toEqual(expected);
    const [, fresh] = await stagesFrom(source, STORIES_PIECES, PLAN);
    links[1]!.stage = fresh!;
    await expect(logitsOf(ring, CARRIED)).rejects.toMatchObject({ code: 'E_STAGE_LOST' });
    expect(await logitsOf(ring, CARRIED)).toEqual(expected);
  });

  it('asks again when a socket was closed meanwhile, and gives up what it could not hold everywhere', async () => {
    const { links, ring } = await newRing();
    let nLost = 0;
    links[2]!.before = (call) => {
      if (call === 'hold' && nLost++ === 0) throw stageLost('stage-2', 'did not answer');
    };
    await ring.holdAdapter(sources[0]!);
    expect(nLost).toBe(2);
    links[2]!.before = (call) => {
      if (call === 'hold') throw new Error('storage');
    };
    await expect(ring.holdAdapter(sources[1]!)).rejects.toThrow('storage');
    links[2]!.before = () => undefined;
    await expect(logitsOf(ring, ['two'])).rejects.toMatchObject({ code: 'E_INTERNAL' });
  });

  it('begins texts with a prefix of which each stage has its layers, also after a stage was lost', async () => {
    const { source, links, ring } = await newRing();
    const { decoder, manifest } = await decoderFrom(STORIES_FILE, 'lossless', PLAN);
    const prefix = await prefixOf(source, [BOS, ...randomTokens(39)]);
    const { bytes } = encodePrefix(prefix, manifest);
    const id = 'prefix';
    const load: AdapterSource['load'] = (layers) => decodeStored(id, bytes, layers);
    const begin = async (on: DecoderBackend): Promise<Float32Array[]> => {
      const sequence = new Sequence(new PagePool(on.limits.nPage));
      sequence.reserve(100);
      const adapter = { id, nPrefix: 40 };
      const seen: Float32Array[] = [];
      for (let at = 0; at < TEXT.length; at += 20)
        await on.forward(
          [{ sequence, inputs: TEXT.slice(at, at + 20), slot: 0, logitsFrom: 0, adapter }],
          (_part, index, row) => (seen[at + index] = on.logits(row).slice()),
        );
      return seen;
    };
    await decoder.holdAdapter({ id, file: null, load });
    await ring.holdAdapter({ id, file: null, load });
    const wanted = await begin(decoder);
    expect(wanted).toHaveLength(TEXT.length);
    expect(await begin(ring)).toEqual(wanted);
    const [, fresh] = await stagesFrom(source, STORIES_PIECES, PLAN);
    links[1]!.stage = fresh!;
    await expect(begin(ring)).rejects.toMatchObject({ code: 'E_STAGE_LOST' });
    expect(await begin(ring)).toEqual(wanted);
  });

  it('forgets one that was dropped', async () => {
    const { ring } = await newRing();
    for (const source of sources) await ring.holdAdapter(source);
    await ring.dropAdapter('two');
    expect(await logitsOf(ring, [null, 'one'])).toEqual(expected.slice(0, 2));
    await expect(logitsOf(ring, ['two'])).rejects.toMatchObject({ code: 'E_INTERNAL' });
  });

  it('lets a pass that runs go on with one that is dropped meanwhile', async () => {
    const { ring } = await newRing();
    for (const source of sources) await ring.holdAdapter(source);
    const pass = logitsOf(ring, CARRIED);
    const dropped = ring.dropAdapter('two');
    expect(await pass).toEqual(expected);
    await dropped;
    await expect(logitsOf(ring, ['two'])).rejects.toMatchObject({ code: 'E_INTERNAL' });
  });
});
