/** wllama, llama.cpp compiled to WebAssembly, in a headless Chromium without threads. */
import { createReadStream, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { repoRoot } from '../lib/paths.ts';
import { launchChromium } from '../lib/chromium.ts';
import { benchTokens } from './peer.ts';
import type { Peer, PeerConfig } from './peer.ts';

const PAGE = `<!doctype html><script type="module">
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

const TYPES: Record<string, string> = {
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
  '.html': 'text/html',
};

/** Its own timings: the server of llama.cpp inside reports them. */
interface Timings {
  prompt_n: number;
  prompt_ms: number;
  predicted_n: number;
  predicted_ms: number;
}

export async function startPeer({ gguf }: PeerConfig): Promise<Peer> {
  const server = await serveFiles(gguf);
  const { port } = server.address() as AddressInfo;
  const browser = await launchChromium();
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${port}/`);
  await page.waitForFunction('window.start');
  await page.evaluate('window.start()');
  const ask = async (prompt: string, maxTokens: number) =>
    await page.evaluate<Timings>(`window.ask(${JSON.stringify(prompt)}, ${maxTokens})`);
  return {
    // It takes text only: words of one token each, others every round.
    async prefill(nTokens, round) {
      const { prompt_ms, prompt_n } = await ask(words(Math.min(nTokens, 64), round), 1);
      return (prompt_ms / prompt_n) * nTokens;
    },
    async decode(nTokens, round) {
      const { predicted_ms, predicted_n } = await ask(words(4, round + 500), Math.min(nTokens, 24));
      return predicted_ms / predicted_n;
    },
    finish: () => Promise.resolve({ note: 'prefill of 64 tokens and decode of 24, scaled' }),
    async close() {
      await browser.close();
      server.close();
    },
  };
}

const WORDS = ['time', 'day', 'man', 'house', 'water', 'light', 'tree', 'road', 'book', 'hand'];
function words(n: number, round: number): string {
  return benchTokens(n, round)
    .map((id) => WORDS[id % WORDS.length]!)
    .join(' ');
}

function serveFiles(gguf: string): Promise<Server> {
  const root = join(repoRoot, 'node_modules/@wllama/wllama/esm');
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://x').pathname;
    if (path === '/') {
      response.writeHead(200, { 'content-type': 'text/html' }).end(PAGE);
      return;
    }
    const file =
      path === '/model.gguf' ? gguf : join(root, normalize(path.replace(/^\/package/, '')));
    try {
      const bytes = statSync(file).size;
      response.writeHead(200, {
        'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
        'content-length': bytes,
      });
      createReadStream(file).pipe(response);
    } catch {
      response.writeHead(404).end();
    }
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}
