/** Opus in Ogg (RFC 7845) and in WebM, decoded by libopus straight to the sample rate of recognition models. */
import OpusDecoder from '../../dist/opus/opus-decoder.mjs';
import { checkFormat, invalidAudio, tagAt } from '../../engine/audio/audio-reader.ts';
import type { AudioReader } from '../../engine/audio/audio-reader.ts';
import { oggPackets } from '../../engine/audio/ogg.ts';
import type { WebmSound } from '../../engine/audio/webm.ts';
import { Fuel } from '../platform/fuel.ts';

/** In Hz; one of the rates libopus decodes to. */
const SAMPLE_RATE = 16_000;
/** In Hz: positions in an Opus stream count at this rate, whatever rate was recorded (section 4). */
const GRANULE_RATE = 48_000;
/** A packet of 120 ms at the highest bit rate. */
const MAX_PACKET_BYTES = 3840;
/**
 * Steps for one packet of one stream, coupled or not. Measured: 10,000 for 20 ms of sound, 154,000 for
 * the worst of 40,000 packets of noise (120 ms of two channels).
 */
const STEPS_PER_STREAM = 1_500_000;

interface OpusHead {
  readonly nChannel: number;
  readonly preSkip: number;
  readonly streamCount: number;
  readonly coupledCount: number;
  readonly mapping: number[];
}

interface OpusPacket {
  readonly data: Uint8Array;
  /** Samples at GRANULE_RATE up to its end, with those that are skipped; null where it is not said. */
  readonly granule: number | null;
  /** Samples at GRANULE_RATE to drop at its end. */
  readonly discard: number;
}

/** Packets of one stream; `isTruncated` is asked once they are read. */
interface OpusSource {
  readonly container: string;
  readonly head: OpusHead;
  readonly packets: Iterator<OpusPacket, void, void>;
  readonly isTruncated: boolean;
}

/** @throws {EngineError} E_AUDIO_INVALID for a stream that is not Opus, or an unsupported form of it. */
export async function openOpus(
  bytes: Uint8Array,
  module: WebAssembly.Module,
): Promise<AudioReader & Disposable> {
  const packets = oggPackets(bytes);
  const head = readHead(packets.next().value?.data ?? new Uint8Array(0));
  // The comment header.
  packets.next();
  let isWhole = false;
  const sound = (function* (): Generator<OpusPacket, void, void> {
    for (const { data, granule, isLast } of packets) {
      isWhole = isLast;
      // The last page says where the recording ends, within its last packet.
      yield { data, granule: isLast ? granule : null, discard: 0 };
    }
  })();
  return await decodeOpus(
    {
      ...{ container: 'ogg-opus', head, packets: sound },
      get isTruncated() {
        return !isWhole;
      },
    },
    module,
  );
}

/** @throws {EngineError} E_AUDIO_INVALID for a track whose header is not Opus's */
export async function openWebmOpus(
  webm: WebmSound,
  module: WebAssembly.Module,
): Promise<AudioReader & Disposable> {
  const head = readHead(webm.track.codecPrivate);
  const sound = (function* (): Generator<OpusPacket, void, void> {
    for (const { data, discardNs } of webm.packets)
      yield { data, granule: null, discard: (discardNs / 1e9) * GRANULE_RATE };
  })();
  return await decodeOpus(
    {
      ...{ container: 'webm-opus', head, packets: sound },
      get isTruncated() {
        return webm.isTruncated;
      },
    },
    module,
  );
}

async function decodeOpus(
  source: OpusSource,
  module: WebAssembly.Module,
): Promise<AudioReader & Disposable> {
  const { container, head, packets } = source;
  OpusDecoder.module = module;
  const decoder = new OpusDecoder({
    sampleRate: SAMPLE_RATE,
    channels: head.nChannel,
    streamCount: head.streamCount,
    coupledStreamCount: head.coupledCount,
    channelMappingTable: head.mapping,
  });
  await decoder.ready;
  const fuel = new Fuel(decoder._common.wasm, notOpus);
  const packetSteps = STEPS_PER_STREAM * head.streamCount;
  const toRate = (granules: number) => Math.round((granules * SAMPLE_RATE) / GRANULE_RATE);
  let toSkip = toRate(head.preSkip);
  let done = 0;
  let nBad = 0;
  return {
    container,
    sampleRate: SAMPLE_RATE,
    nChannel: head.nChannel,
    statedSeconds: null,
    get isTruncated() {
      return source.isTruncated;
    },
    read() {
      for (;;) {
        const next = packets.next();
        if (next.done === true) return null;
        const { data, granule, discard } = next.value;
        if (data.length === 0 || data.length > MAX_PACKET_BYTES * head.nChannel) continue;
        const { channelData, samplesDecoded } = fuel.run(packetSteps, () =>
          decoder.decodeFrame(data),
        );
        // One packet that does not decode is a gap; many in a row mean a broken recording.
        nBad = samplesDecoded === 0 ? nBad + 1 : 0;
        if (nBad > 50) throw notOpus('50 packets in a row that do not decode');
        const skipped = Math.min(toSkip, samplesDecoded);
        toSkip -= skipped;
        const end = granule === null ? Infinity : toRate(granule - head.preSkip) - done;
        const kept = samplesDecoded - skipped - toRate(discard);
        const length = Math.max(0, Math.min(kept, end));
        done += length;
        if (length > 0) return channelData.map((x) => x.slice(skipped, skipped + length));
      }
    },
    [Symbol.dispose]: () => decoder.free(),
  };
}

/** The identification header (section 5.1). */
function readHead(data: Uint8Array): OpusHead {
  if (data.length < 19 || tagAt(data, 0) + tagAt(data, 4) !== 'OpusHead')
    throw notOpus(
      tagAt(data, 1) === 'vorb' ? 'Vorbis, which is not supported' : 'another kind of stream',
    );
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const nChannel = data[9]!;
  const preSkip = view.getUint16(10, true);
  checkFormat('opus', GRANULE_RATE, nChannel);
  if (data[18] === 0) {
    if (nChannel > 2) throw notOpus(`${nChannel} channels without a mapping`);
    const mapping = nChannel === 2 ? [0, 1] : [0];
    return { nChannel, preSkip, streamCount: 1, coupledCount: nChannel - 1, mapping };
  }
  const [streamCount = 0, coupledCount = 0] = data.subarray(19, 21);
  const mapping = [...data.subarray(21, 21 + nChannel)];
  const nStream = streamCount + coupledCount;
  const isSound =
    streamCount >= 1 &&
    coupledCount <= streamCount &&
    mapping.length === nChannel &&
    mapping.every((stream) => stream === 255 || stream < nStream);
  if (!isSound) throw notOpus('a channel mapping that contradicts itself');
  return { nChannel, preSkip, streamCount, coupledCount, mapping };
}

function notOpus(what: string) {
  return invalidAudio(`opus: ${what}`, 'Opus', 'Encode the file as Opus, FLAC, MP3 or WAV');
}
