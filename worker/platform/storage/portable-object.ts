/** A Durable Object whose storage can be copied out, and replaced by such a copy. */
import { DurableObject } from 'cloudflare:workers';
import type { CallContext } from '../failure.ts';
import { answerCall } from '../rpc.ts';
import type { RpcAnswer } from '../rpc.ts';
import { dumpStorage, loadLine, parseDumpLine } from './dump.ts';

/** A row of 2 MB as base64, and what is around it. */
const MAX_LINE_CHARS = 4 * 1024 * 1024;

/** What can be asked of every object that is backed up. */
export interface Portable {
  dump(): ReadableStream<Uint8Array>;
  load(call: CallContext, lines: ReadableStream<Uint8Array>): Promise<RpcAnswer<null>>;
  restart(): void;
}

export class PortableObject<Env = unknown> extends DurableObject<Env> implements Portable {
  /** Lines of everything that is kept (dump.ts). */
  dump(): ReadableStream<Uint8Array> {
    const lines = dumpStorage(this.ctx.storage);
    const encoder = new TextEncoder();
    return new ReadableStream({
      type: 'bytes',
      async pull(controller) {
        const next = await lines.next();
        if (next.done === true) controller.close();
        else controller.enqueue(encoder.encode(`${JSON.stringify(next.value)}\n`));
      },
      cancel: async () => void (await lines.return(undefined)),
    });
  }

  /** Replaces all that is kept. Cut off, the object holds a part, until it is called again. */
  async load(call: CallContext, lines: ReadableStream<Uint8Array>): Promise<RpcAnswer<null>> {
    return await answerCall({ place: 'object.load', ...call }, async () => {
      const { storage } = this.ctx;
      await storage.deleteAlarm();
      await storage.deleteAll();
      for await (const line of readLines(lines)) await loadLine(storage, parseDumpLine(line));
      await storage.sync();
      return null;
    });
  }

  /** Ends this object, which is made again for the next call: what it remembers is of the storage before. */
  restart(): void {
    this.ctx.abort('its storage was replaced');
  }
}

async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    if (text.length > MAX_LINE_CHARS) parseDumpLine(text);
    yield* lines;
  }
  // A line that ends early is a copy that was cut off.
  if (text !== '') parseDumpLine(text);
}
