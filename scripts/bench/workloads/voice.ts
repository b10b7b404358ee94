/** How soon speech begins and how fast it comes, in workerd, over HTTP: medians of warm requests. */
import { EngineError } from '../../../engine/base/errors.ts';
import { obtainModel } from '../../dev/prepare.ts';
import { withBenchServer } from '../bench-server.ts';
import { spread } from '../report/statistics.ts';

/** A WAV file's header as the server writes it, and where the sample rate stands (RIFF, format 1). */
const WAV_HEADER_BYTES = 44;
const SAMPLE_RATE_OFFSET = 24;
const BYTES_A_SAMPLE = 2;
const TEXTS: Readonly<Record<string, string>> = {
  short: 'It is five past nine, and nobody is here.',
  long: 'The old library stands on the corner of the street, right across from the museum. Children learn to read there, to write, and to think for themselves. In the middle of the night a loud noise woke up the whole village.',
};

export interface VoiceTimes {
  /** Seconds from the request to the first sample. */
  readonly firstS: number;
  /** Seconds of work a second of sound. */
  readonly realTimeFactor: number;
}

export interface VoiceBenchOptions {
  /** A voice of the catalogue, or an imported one. */
  readonly model: string;
  /** `response_format` of the requests. */
  readonly format: string;
  readonly rounds: number;
  readonly onNote: (text: string) => void;
}

/** Medians for each text. @throws {EngineError} E_BACKEND_UNAVAILABLE with the server's answer */
export async function benchVoice({
  model,
  format,
  rounds,
  onNote,
}: VoiceBenchOptions): Promise<Record<string, VoiceTimes>> {
  await obtainModel(model);
  return await withBenchServer({ models: [model] }, async ({ server }) => {
    const results: Record<string, VoiceTimes> = {};
    for (const [name, text] of Object.entries(TEXTS)) {
      onNote(`${name} text`);
      const seconds = await spokenSeconds(server.url, model, text);
      const sound = { format, seconds };
      await speak(server.url, model, text, sound);
      const runs: VoiceTimes[] = [];
      for (let i = 0; i < rounds; i++) runs.push(await speak(server.url, model, text, sound));
      results[name] = {
        firstS: spread(runs.map(({ firstS }) => firstS)).median,
        realTimeFactor: spread(runs.map(({ realTimeFactor }) => realTimeFactor)).median,
      };
    }
    return results;
  });
}

/** Seconds of speech: those of a WAV file, which has as many in every format. */
async function spokenSeconds(url: string, model: string, input: string): Promise<number> {
  const wav = new Uint8Array(await (await ask(url, model, input, 'wav')).arrayBuffer());
  const sampleRate = new DataView(wav.buffer).getUint32(SAMPLE_RATE_OFFSET, true);
  return (wav.length - WAV_HEADER_BYTES) / BYTES_A_SAMPLE / sampleRate;
}

async function speak(
  url: string,
  model: string,
  input: string,
  { format, seconds }: { format: string; seconds: number },
): Promise<VoiceTimes> {
  const startMs = performance.now();
  const { body } = await ask(url, model, input, format);
  let nByte = 0;
  let firstMs = Number.NaN;
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    nByte += chunk.length;
    if (nByte > WAV_HEADER_BYTES && Number.isNaN(firstMs)) firstMs = performance.now();
  }
  const tookS = (performance.now() - startMs) / 1000;
  return { firstS: (firstMs - startMs) / 1000, realTimeFactor: tookS / seconds };
}

/** @throws {EngineError} E_BACKEND_UNAVAILABLE with the server's answer */
async function ask(url: string, model: string, input: string, format: string): Promise<Response> {
  const response = await fetch(`${url}/v1/audio/speech`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ input, model, seed: 1, response_format: format }),
  });
  if (response.ok && response.body !== null) return response;
  throw new EngineError('E_BACKEND_UNAVAILABLE', `bench: ${await response.text()}`);
}

export function describeVoice(results: Readonly<Record<string, VoiceTimes>>): string {
  return Object.entries(results)
    .map(
      ([name, { firstS, realTimeFactor }]) =>
        `${name} text: first sound after ${firstS.toFixed(2)} s, real-time factor ${realTimeFactor.toFixed(2)}\n`,
    )
    .join('');
}
