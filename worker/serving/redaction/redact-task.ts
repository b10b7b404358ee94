/** Tasks with personal data redacted: the model reads placeholders, the answer has the values again. */
import type { TaskEvent } from '../tasks/task.ts';
import { mapStrings } from './redact-request.ts';
import type { Redactor } from './redactor.ts';
import { Restorer } from './restore-output.ts';

/** Fields whose texts are not what the task is about. */
const KEPT_FIELDS: ReadonlySet<string> = new Set(['model', 'redact', 'schema', 'image']);

/** The fields of a task, redacted. @throws {EngineError} E_REQUEST_INVALID for too many values */
export async function redactFields<Fields extends object>(
  redactor: Redactor | null,
  fields: Fields,
): Promise<Fields> {
  if (redactor === null) return fields;
  const redact = (text: string): Promise<string> => redactor.redact(text);
  return (await mapStrings(fields, redact, ([field]) => !KEPT_FIELDS.has(field ?? ''))) as Fields;
}

/**
 * Events of a task, restored.
 * @param passages as the task has read them: positions in an answer are moved to where they were before
 */
export async function* restoreTask(
  redactor: Redactor | null,
  events: AsyncIterable<TaskEvent>,
  passages: readonly string[],
): AsyncGenerator<TaskEvent, void, void> {
  if (redactor === null) {
    yield* events;
    return;
  }
  const restorer = new Restorer(redactor);
  for await (const event of events) {
    const text = event.type === 'delta' ? restorer.push(event.text) : restorer.end();
    if (text !== '') yield { type: 'delta', text };
    if (event.type === 'done')
      yield { type: 'done', answer: await restoreAnswer(redactor, event.answer, passages) };
  }
}

async function restoreAnswer(
  redactor: Redactor,
  answer: object,
  passages: readonly string[],
): Promise<object> {
  const restore = (text: string): Promise<string> => Promise.resolve(redactor.restore(text));
  const restored = (await mapStrings(answer, restore, ([field]) => field !== 'model')) as object;
  if (!hasQuotes(restored)) return restored;
  const quotes = restored.quotes.map((quote) => {
    const before = passages[quote.passage]!.slice(0, quote.start);
    const start = redactor.restore(before).length;
    return { ...quote, start, end: start + quote.text.length };
  });
  return { ...restored, quotes };
}

interface Quote {
  readonly text: string;
  readonly passage: number;
  readonly start: number;
}

function hasQuotes(answer: object): answer is { readonly quotes: readonly Quote[] } {
  return 'quotes' in answer;
}
