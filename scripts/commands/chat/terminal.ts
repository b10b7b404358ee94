/** A chat over a terminal, or over a pipe whose lines are the messages. */
import { createInterface } from 'node:readline';
import type { Interface } from 'node:readline';
import { Writable } from 'node:stream';
import { errorToRecord } from '../../../engine/base/errors.ts';
import { colour } from '../../lib/colours.ts';
import { MAX_HISTORY_LINES, readHistory, writeHistory } from './history.ts';
import type { ChatSession } from './session.ts';
import { runSlash, SLASH_COMMANDS } from './slash/index.ts';

/** Where a chat reads and writes. */
export interface ChatStreams {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly errors: NodeJS.WritableStream & { readonly isTTY?: boolean };
  /** Whether a person types: with line editing, history, a prompt and keys. */
  readonly isTerminal: boolean;
  /** File of the history; null for none. */
  readonly historyPath: string | null;
  /** Ends the whole program. */
  readonly signal: AbortSignal;
  /** Why an answer is not whole. */
  readonly noteEnd: (reason: string) => void;
}

const PROMPT = '> ';
const BLOCK_PROMPT = '. ';
const BLOCK_MARK = '"""';

/** Resolves when the person or the input ends the chat. */
export async function runChatTerminal(session: ChatSession, streams: ChatStreams): Promise<void> {
  await new ChatTerminal(session, streams).run();
}

class ChatTerminal {
  readonly #session: ChatSession;
  readonly #streams: ChatStreams;
  readonly #lines: Interface;
  readonly #block: string[] = [];
  #isInBlock = false;
  /** Of the answer that is being made; null between answers. */
  #answer: AbortController | null = null;
  /** Whether the next Ctrl-C ends the chat. */
  #isLast = false;
  /** Whether the person has ended the chat, on a line of its own. */
  #isOver = false;

  constructor(session: ChatSession, streams: ChatStreams) {
    this.#session = session;
    this.#streams = streams;
    this.#lines = this.#openLines();
  }

  async run(): Promise<void> {
    const { isTerminal } = this.#streams;
    if (isTerminal) this.#say(`${this.#session.modelId}; /help shows the commands, /exit ends`);
    this.#prompt();
    for await (const line of this.#lines) {
      this.#isLast = false;
      const message = this.#messageOf(line);
      this.#isOver = message !== null && (await this.#handle(message)) === 'end';
      if (this.#isOver) break;
      this.#prompt();
    }
    // After Ctrl-D the shell's prompt would follow ours on its line.
    if (isTerminal && !this.#isOver) this.#streams.output.write('\n');
    this.#lines.close();
  }

  #openLines(): Interface {
    const { input, isTerminal, historyPath } = this.#streams;
    if (!isTerminal) return createInterface({ input, terminal: false });
    const lines = createInterface({
      input,
      output: this.#echo(),
      terminal: true,
      prompt: PROMPT,
      historySize: MAX_HISTORY_LINES,
      removeHistoryDuplicates: true,
      completer: completeSlash,
      ...(historyPath === null ? {} : { history: readHistory(historyPath) }),
    });
    lines.on('SIGINT', () => this.#interrupt());
    if (historyPath !== null)
      lines.on('history', (history: string[]) => writeHistory(historyPath, history));
    return lines;
  }

  /** What is typed while an answer is shown is not echoed into it; it is read after it. */
  #echo(): NodeJS.WritableStream {
    const { output } = this.#streams;
    const echo = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (this.#answer === null) output.write(chunk);
        done();
      },
    });
    return Object.defineProperty(echo, 'columns', { get: () => output.columns });
  }

  #interrupt(): void {
    if (this.#answer !== null) {
      this.#answer.abort();
      return;
    }
    const isEmpty = this.#lines.line === '' && !this.#isInBlock;
    if (isEmpty && this.#isLast) {
      this.#lines.close();
      return;
    }
    this.#isLast = isEmpty;
    this.#isInBlock = false;
    this.#block.length = 0;
    this.#streams.output.write('\n');
    if (isEmpty) this.#say('Ctrl-C again or Ctrl-D ends');
    // Empties the line: to its end, then all before it.
    this.#lines.write(null, { ctrl: true, name: 'e' });
    this.#lines.write(null, { ctrl: true, name: 'u' });
    this.#prompt();
  }

  #prompt(): void {
    if (!this.#streams.isTerminal) return;
    this.#lines.setPrompt(this.#isInBlock ? BLOCK_PROMPT : PROMPT);
    this.#lines.prompt();
  }

  /** A whole message, once its last line has come; null for an empty line or within a block. */
  #messageOf(line: string): string | null {
    if (!this.#isInBlock) {
      const text = line.trim();
      if (!text.startsWith(BLOCK_MARK)) return text === '' ? null : text;
      this.#isInBlock = true;
      return this.#messageOf(line.trimStart().slice(BLOCK_MARK.length));
    }
    const isLast = line.trimEnd().endsWith(BLOCK_MARK);
    this.#block.push(isLast ? line.trimEnd().slice(0, -BLOCK_MARK.length) : line);
    if (!isLast) return null;
    const text = this.#block.join('\n').trim();
    this.#isInBlock = false;
    this.#block.length = 0;
    return text === '' ? null : text;
  }

  async #handle(message: string): Promise<'end' | void> {
    const { errors, signal } = this.#streams;
    try {
      if (message.startsWith('/'))
        return await runSlash({ session: this.#session, say: (text) => this.#say(text) }, message);
      await this.#reply(message);
    } catch (error) {
      if (signal.aborted) throw error;
      errors.write(`${colour('red', 'error:', errors)} ${errorToRecord(error).message}\n`);
    }
  }

  async #reply(message: string): Promise<void> {
    const { output, errors, signal, noteEnd } = this.#streams;
    const answer = new AbortController();
    this.#answer = answer;
    try {
      const both = AbortSignal.any([signal, answer.signal]);
      const { reason, draft } = await this.#session.answer(message, both, (part) =>
        output.write(part),
      );
      output.write('\n');
      noteEnd(reason);
      if (draft !== null) errors.write(`${draft}\n`);
    } catch (error) {
      // Whoever stops an answer knows that it is not whole.
      if (!answer.signal.aborted || signal.aborted) throw error;
      output.write('\n');
    } finally {
      this.#answer = null;
    }
  }

  #say(text: string): void {
    const { output } = this.#streams;
    output.write(`${colour('dim', text, output)}\n`);
  }
}

/** Words that begin as the line does. */
function completeSlash(line: string): [string[], string] {
  const words = Object.keys(SLASH_COMMANDS).map((name) => `/${name}`);
  return [words.filter((word) => line.startsWith('/') && word.startsWith(line)), line];
}
