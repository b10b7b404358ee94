/** Stored responses, each after the one before: whole, with their input, or not there. */
import { isRefusal, readSurely, wasMade } from '../writer.ts';
import type { Writer, WriterContext } from '../writer.ts';

interface ResponseNotes {
  readonly id: string;
  /** JSON of the output as it was sent. */
  readonly output: string;
  readonly nInput: number;
  deleted: 'no' | 'perhaps' | 'yes';
  isFresh: boolean;
}

interface ResponseJson {
  readonly id: string;
  readonly status: string;
  readonly output: readonly unknown[];
}

const MAX_CHAIN = 6;
const DELETED_PART = 0.2;
const CHAINED_PART = 0.5;

export class ResponseWriter implements Writer {
  readonly name = 'responses';
  nAcknowledged = 0;
  readonly #context: WriterContext;
  readonly #responses: ResponseNotes[] = [];

  constructor(context: WriterContext) {
    this.#context = context;
  }

  async write(): Promise<void> {
    const { random } = this.#context;
    const last = this.#responses.at(-1);
    if (last?.deleted === 'no' && random.chance(DELETED_PART)) await this.#delete(last);
    else await this.#create(last);
  }

  async check(all: boolean): Promise<string[]> {
    const problems: string[] = [];
    for (const response of this.#responses) {
      if (!all && !response.isFresh) continue;
      problems.push(...(await this.#checkResponse(response)));
      response.isFresh = false;
    }
    return problems;
  }

  async #create(last: ResponseNotes | undefined): Promise<void> {
    const { client, random, textModel: model } = this.#context;
    const isNext = last?.deleted === 'no' && last.nInput < MAX_CHAIN && random.chance(CHAINED_PART);
    const answer = await client.ask('/v1/responses', {
      ...{ model, input: random.word(), max_output_tokens: random.integer(1, 6) },
      ...(isNext ? { previous_response_id: last.id } : {}),
    });
    if (!wasMade(answer, 'response')) return;
    const { id, output } = JSON.parse(answer.text) as ResponseJson;
    // The answer before is input of the next, too.
    const nInput = isNext ? last.nInput + 2 : 1;
    const notes = { id, output: JSON.stringify(output), nInput };
    this.#responses.push({ ...notes, deleted: 'no', isFresh: true });
    this.nAcknowledged++;
  }

  async #delete(response: ResponseNotes): Promise<void> {
    response.isFresh = true;
    response.deleted = 'perhaps';
    const path = `/v1/responses/${response.id}`;
    const answer = await this.#context.client.ask(path, undefined, 'DELETE');
    if (isRefusal(answer)) response.deleted = 'no';
    else if (wasMade(answer, 'deletion of a response')) {
      response.deleted = 'yes';
      this.nAcknowledged++;
    }
  }

  async #checkResponse(response: ResponseNotes): Promise<string[]> {
    const { client } = this.#context;
    const { id, output, nInput } = response;
    const { status, text } = await readSurely(client, `/v1/responses/${id}`);
    if (status === 404) {
      if (response.deleted === 'perhaps') response.deleted = 'yes';
      return response.deleted === 'no' ? [`response ${id}: is lost`] : [];
    }
    if (status !== 200) return [`response ${id}: answers ${status}`];
    if (response.deleted === 'yes') return [`response ${id}: is there after it was deleted`];
    response.deleted = 'no';
    const found = JSON.parse(text) as ResponseJson;
    if (JSON.stringify(found.output) !== output) return [`response ${id}: has another output`];
    const items = await readSurely(client, `/v1/responses/${id}/input_items?limit=100`);
    if (items.status !== 200) return [`response ${id}: its input answers ${items.status}`];
    const { data } = JSON.parse(items.text) as { data: unknown[] };
    return data.length === nInput
      ? []
      : [`response ${id}: has ${data.length} items of input, expected ${nInput}`];
  }
}
