/** Batches: each runs to its end over any number of kills, and answers each of its lines once. */
import { fileForm } from '../../lib/key-client.ts';
import { readSurely, wasMade } from '../writer.ts';
import type { Writer, WriterContext } from '../writer.ts';

interface BatchNotes {
  readonly id: string;
  readonly lineIds: readonly string[];
}

interface BatchJson {
  readonly status: string;
  readonly output_file_id: string | null;
  readonly request_counts: { readonly total: number; readonly completed: number };
}

const N_LINE = 5;
/** Batches of a writer that run at the same time. */
const MAX_RUNNING = 4;
/** Times that a batch that does not end is looked at in the last check. */
const MAX_LOOKS = 300;
const LOOK_PAUSE_MS = 500;
const PAUSE_MS = 50;

export class BatchWriter implements Writer {
  readonly name = 'batches';
  nAcknowledged = 0;
  /** Batches that have ended as they should. */
  nCompleted = 0;
  readonly #context: WriterContext;
  #running: BatchNotes[] = [];
  #ended: BatchNotes[] = [];
  #problems: string[] = [];
  #nFile = 0;

  constructor(context: WriterContext) {
    this.#context = context;
  }

  async write(): Promise<void> {
    if (this.#running.length >= MAX_RUNNING) {
      await this.#look(false);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      return;
    }
    const { client, random, number } = this.#context;
    const lineIds = Array.from({ length: N_LINE }, () => random.word());
    const name = `batch-${number}-${this.#nFile++}.jsonl`;
    const file = await client.ask('/v1/files', fileForm(name, lineIds.map(lineText).join('')));
    if (!wasMade(file, 'file of a batch')) return;
    this.nAcknowledged++;
    const { id: fileId } = JSON.parse(file.text) as { id: string };
    const batch = await client.ask('/v1/batches', {
      ...{ input_file_id: fileId, endpoint: '/v1/completions', completion_window: '24h' },
    });
    if (!wasMade(batch, 'batch')) return;
    this.#running.push({ id: (JSON.parse(batch.text) as { id: string }).id, lineIds });
    this.nAcknowledged++;
  }

  async check(all: boolean): Promise<string[]> {
    await this.#look(true);
    for (let i = 0; all && this.#running.length > 0 && i < MAX_LOOKS; i++) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_PAUSE_MS));
      await this.#look(true);
    }
    if (all) {
      this.#problems.push(...this.#running.map(({ id }) => `batch ${id}: does not end`));
      for (const batch of this.#ended) this.#problems.push(...(await this.#checkEnded(batch)));
    }
    const problems = this.#problems;
    this.#problems = [];
    return problems;
  }

  /** Moves on the batches that have ended. @param surely asks again where there is no answer */
  async #look(surely: boolean): Promise<void> {
    const { client } = this.#context;
    for (const batch of this.#running) {
      const path = `/v1/batches/${batch.id}`;
      const answer = surely ? await readSurely(client, path) : await client.ask(path);
      if (answer.status === 404) this.#problems.push(`batch ${batch.id}: is lost`);
      else if (answer.status !== 200) continue;
      else if (!isEnd((JSON.parse(answer.text) as BatchJson).status)) continue;
      this.#running = this.#running.filter((other) => other !== batch);
      if (answer.status !== 200) continue;
      this.#problems.push(...(await this.#checkEnded(batch)));
      this.#ended.push(batch);
      this.nCompleted++;
      this.nAcknowledged++;
    }
  }

  async #checkEnded({ id, lineIds }: BatchNotes): Promise<string[]> {
    const { client } = this.#context;
    const batch = await readSurely(client, `/v1/batches/${id}`);
    if (batch.status !== 200) return [`batch ${id}: answers ${batch.status}`];
    const { status, output_file_id, request_counts } = JSON.parse(batch.text) as BatchJson;
    const { total, completed } = request_counts;
    if (status !== 'completed' || total !== N_LINE || completed !== N_LINE)
      return [`batch ${id}: is ${status} with ${completed} of ${total} lines, expected ${N_LINE}`];
    const output = await readSurely(client, `/v1/files/${output_file_id}/content`);
    if (output.status !== 200) return [`batch ${id}: its output answers ${output.status}`];
    const found = output.text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => (JSON.parse(line) as { custom_id: string }).custom_id);
    const isSame = found.length === N_LINE && found.every((lineId, i) => lineId === lineIds[i]);
    return isSame
      ? []
      : [`batch ${id}: answers ${found.join(', ')}; expected ${lineIds.join(', ')}`];
  }
}

function isEnd(status: string): boolean {
  return ['completed', 'failed', 'expired', 'cancelled'].includes(status);
}

function lineText(customId: string): string {
  const body = { prompt: 'Once', max_tokens: 2 };
  const line = { custom_id: customId, method: 'POST', url: '/v1/completions', body };
  return `${JSON.stringify(line)}\n`;
}
