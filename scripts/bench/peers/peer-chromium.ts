/** Our engine in a page of a headless Chromium. */
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { measureBundle } from '../../deploy/limits.ts';
import { launchChromium } from '../../lib/chromium.ts';
import { distDir, modelsDir, repoRoot } from '../../lib/paths.ts';
import type { BenchPage } from './chromium-page.ts';
import { servePage } from './page-server.ts';
import type { Peer, PeerConfig, Question } from './peer.ts';

const HTML = '<!doctype html><title>bench</title><script type="module" src="/page.js"></script>';

export async function startPeer({ modelId }: PeerConfig): Promise<Peer> {
  const script = await bundlePage();
  const server = await servePage({
    html: HTML,
    scripts: { '/page.js': script },
    paths: { '/kernels/': join(distDir, 'kernels'), '/model/': join(modelsDir(), modelId) },
  });
  const browser = await launchChromium();
  const page = await browser.newPage();
  await page.goto(server.url);
  await page.waitForFunction('globalThis.benchPage');
  const call = async <K extends keyof BenchPage>(
    method: K,
    ...args: Parameters<BenchPage[K]>
  ): Promise<number> => {
    const list = args.map((arg) => JSON.stringify(arg)).join(', ');
    return await page.evaluate<number>(`benchPage.${method}(${list})`);
  };
  const coldFirstTokenMs = await call('start');
  const ask = (question: Question, salt: number) => call('ask', question, salt);
  return {
    answers: {
      prefill: ask,
      firstToken: ask,
      decode: ask,
      streams: ask,
      coldFirstToken: () => Promise.resolve(coldFirstTokenMs),
      async peakMemory(_, salt) {
        const wasmBytes = await call('fillContext', salt);
        const inspector = await page.context().newCDPSession(page);
        const { totalSize: jsHeapBytes } = await inspector.send('Runtime.getHeapUsage');
        return { value: wasmBytes + jsHeapBytes, detail: { wasmBytes, jsHeapBytes } };
      },
      bundleSize() {
        const kernels = measureBundle('kernels', join(distDir, 'kernels'));
        return Promise.resolve(gzipSync(script).byteLength + kernels.gzipBytes);
      },
    },
    async close() {
      await browser.close();
      server.close();
    },
  };
}

async function bundlePage(): Promise<string> {
  const { build, stop } = await import('esbuild');
  try {
    const { outputFiles } = await build({
      absWorkingDir: repoRoot,
      entryPoints: ['scripts/bench/peers/chromium-page.ts'],
      bundle: true,
      format: 'esm',
      platform: 'browser',
      target: 'es2024',
      minify: true,
      write: false,
      logLevel: 'silent',
    });
    return outputFiles[0]?.text ?? '';
  } finally {
    await stop();
  }
}
