/** The memory an isolate uses: JavaScript heap through the inspector, WebAssembly by size. */
import type { RunningServer } from '../../dev/server.ts';

export interface IsolateMemory {
  readonly jsHeapBytes: number;
  readonly wasmBytes: number;
}

export interface HeapUsage {
  readonly usedSize: number;
  readonly totalSize: number;
  readonly embedderHeapUsedSize?: number;
  readonly backingStorageSize?: number;
}

interface Target {
  readonly title?: string;
  readonly id?: string;
  readonly webSocketDebuggerUrl: string;
}

const STAGE_SCRIPT = 'stage';

/** Heap totals of the stage script's isolate as V8 reports them, and its WebAssembly memory. */
export async function isolateMemory(
  server: RunningServer,
  modelId: string,
): Promise<IsolateMemory> {
  const jsHeapBytes = await stageHeapBytes(server);
  return { jsHeapBytes, wasmBytes: await readWasmBytes(server.url, modelId) };
}

/** The JavaScript heap of the stage script's isolate. */
export async function stageHeapBytes(server: RunningServer): Promise<number> {
  const heap = await scriptHeap(server, STAGE_SCRIPT);
  return heap.totalSize + (heap.embedderHeapUsedSize ?? 0);
}

/** V8's report on the heap of the isolate whose script's name contains `script`. */
export async function scriptHeap(server: RunningServer, script: string): Promise<HeapUsage> {
  if (server.inspectorUrl === null) throw new Error('bench: the server runs without an inspector');
  const base = server.inspectorUrl.replace(/^ws/, 'http');
  const response = await fetch(new URL('/json/list', base));
  const list = await response.json<Target[]>();
  const target = list.find(({ title, id }) => `${title} ${id}`.includes(script));
  if (target === undefined)
    throw new Error(`bench: no inspector target for ${script}: ${JSON.stringify(list)}`);
  return await callInspector<HeapUsage>(target.webSocketDebuggerUrl, 'Runtime.getHeapUsage');
}

async function readWasmBytes(url: string, modelId: string): Promise<number> {
  const response = await fetch(`${url}/readyz`);
  const status = await response.json<{ wasm_bytes?: number }>();
  const bytes = status.wasm_bytes;
  if (typeof bytes !== 'number')
    throw new Error(`bench: /readyz does not report the memory of ${modelId}`);
  return bytes;
}

function callInspector<T>(url: string, method: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.addEventListener('open', () => socket.send(JSON.stringify({ id: 1, method })));
    socket.addEventListener('error', () =>
      reject(new Error(`bench: the inspector at ${url} does not answer`)),
    );
    socket.addEventListener('message', ({ data }) => {
      const message = JSON.parse(String(data)) as {
        id?: number;
        result?: T;
        error?: { message: string };
      };
      if (message.id !== 1) return;
      socket.close();
      if (message.result === undefined)
        reject(new Error(`bench: ${method}: ${message.error?.message}`));
      else resolve(message.result);
    });
  });
}
