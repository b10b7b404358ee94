/**
 * How soon speech begins and how fast it comes, in workerd, over HTTP: medians of warm requests. The
 * last line is one JSON object. Run: node scripts/bench/workloads/voice.ts
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { build } from '../../build/build.ts';
import { modelsBucketName, obtainModel } from '../../dev/prepare.ts';
import { startServer } from '../../dev/server.ts';
import { openLocalBucket } from '../../push/local-bucket.ts';
import { pushModel } from '../../push/push.ts';
import { spread } from '../report/statistics.ts';

const VOICE = 'piper-en-us-joe';
const ROUNDS = 5;
const WAV_HEADER_BYTES = 44;
const TEXTS: Readonly<Record<string, string>> = {
  short: 'It is five past nine, and nobody is here.',
  long: 'The old library stands on the corner of the street, right across from the museum. Children learn to read there, to write, and to think for themselves. In the middle of the night a loud noise woke up the whole village.',
};

interface Run {
  readonly firstS: number;
  readonly realTimeFactor: number;
}

async function speak(url: string, input: string): Promise<Run> {
  const startMs = performance.now();
  const response = await fetch(`${url}/v1/audio/speech`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ input, model: VOICE, seed: 1 }),
  });
  let nByte = 0;
  let firstMs: number | null = null;
  for await (const chunk of response.body ?? []) {
    nByte += (chunk as Uint8Array).length;
    if (nByte > WAV_HEADER_BYTES) firstMs ??= performance.now();
  }
  const tookS = (performance.now() - startMs) / 1000;
  const seconds = (nByte - WAV_HEADER_BYTES) / 2 / 22_050;
  return {
    firstS: ((firstMs ?? Number.NaN) - startMs) / 1000,
    realTimeFactor: tookS / seconds,
  };
}

async function main(): Promise<void> {
  await build();
  await obtainModel(VOICE);
  const root = await mkdtemp(join(tmpdir(), 'thimble-speech-bench-'));
  try {
    const bucket = await openLocalBucket(modelsBucketName(), root);
    await pushModel(VOICE, { bucket });
    await bucket.close();
    const server = await startServer({ port: 0, host: '127.0.0.1', persist: root });
    try {
      const results: Record<string, Run> = {};
      for (const [name, text] of Object.entries(TEXTS)) {
        await speak(server.url, text);
        const runs: Run[] = [];
        for (let i = 0; i < ROUNDS; i++) runs.push(await speak(server.url, text));
        results[name] = {
          firstS: spread(runs.map((run) => run.firstS)).median,
          realTimeFactor: spread(runs.map((run) => run.realTimeFactor)).median,
        };
      }
      process.stdout.write(`${JSON.stringify(results)}\n`);
    } finally {
      await server.close();
    }
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

await main();
