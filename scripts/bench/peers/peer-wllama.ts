/** wllama, llama.cpp compiled to WebAssembly, in a headless Chromium without threads. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { launchChromium } from '../../lib/chromium.ts';
import { repoRoot } from '../../lib/paths.ts';
import { servePage } from './page-server.ts';
import { benchTokens } from './peer.ts';
import type { Peer, PeerConfig } from './peer.ts';

const PACKAGE = join(repoRoot, 'node_modules/@wllama/wllama/esm');
const HTML = `<!doctype html><script type="module">
import { Wllama } from '/package/index.js';
window.start = async () => {
  const w = new Wllama({ default: '/package/wasm/wllama.wasm' }, { suppressNativeLog: true });
  const blob = await (await fetch('/model.gguf')).blob();
  await w.loadModel([blob], { n_threads: 1, n_ctx: 1024, n_gpu_layers: 0 });
  window.ask = async (prompt, maxTokens) => {
    const r = await w.createCompletion({ prompt, max_tokens: maxTokens, temperature: 0, stream: false, ignore_eos: true, cache_prompt: false });
    return r.timings;
  };
};
</script>`;

/** It is ten times slower than the others: fewer tokens give its rate as well. */
const MAX_DECODE_TOKENS = 24;

/** Its own timings: the server of llama.cpp inside reports them. */
interface Timings {
  prompt_n: number;
  prompt_ms: number;
  predicted_n: number;
  predicted_ms: number;
}

export async function startPeer({ gguf }: PeerConfig): Promise<Peer> {
  const server = await servePage({
    html: HTML,
    paths: { '/model.gguf': gguf, '/package/': PACKAGE },
  });
  const browser = await launchChromium();
  const page = await browser.newPage();
  await page.goto(server.url);
  await page.waitForFunction('window.start');
  await page.evaluate('window.start()');
  const ask = async (prompt: string, maxTokens: number) =>
    await page.evaluate<Timings>(`window.ask(${JSON.stringify(prompt)}, ${maxTokens})`);
  return {
    answers: {
      // It takes text only: words of one token each, different ones every time.
      async prefill({ nTokens }, salt) {
        const { prompt_ms, prompt_n } = await ask(words(nTokens, salt), 1);
        return (prompt_n * 1000) / prompt_ms;
      },
      async decode({ nPrompt, nTokens }, salt) {
        const wanted = Math.min(nTokens, MAX_DECODE_TOKENS);
        const { predicted_ms, predicted_n } = await ask(words(nPrompt, salt), wanted);
        return (predicted_n * 1000) / predicted_ms;
      },
      bundleSize() {
        const files = ['index.min.js', 'wasm/wllama.wasm'].map((file) =>
          readFileSync(join(PACKAGE, file)),
        );
        return Promise.resolve(files.reduce((sum, file) => sum + gzipSync(file).byteLength, 0));
      },
    },
    async close() {
      await browser.close();
      server.close();
    },
  };
}

const WORDS = ['time', 'day', 'man', 'house', 'water', 'light', 'tree', 'road', 'book', 'hand'];
function words(n: number, salt: number): string {
  return benchTokens(n, salt, 40_000)
    .map((id) => WORDS[id % WORDS.length]!)
    .join(' ');
}
