/** A chat as a person has it: keys in, a screen out, over streams in the place of a terminal; the embedded model. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { ChatSession } from '../../scripts/commands/chat/session.ts';
import type { ChatFlags } from '../../scripts/commands/chat/session.ts';
import { SLASH_COMMANDS } from '../../scripts/commands/chat/slash/index.ts';
import { runChatTerminal } from '../../scripts/commands/chat/terminal.ts';
import { runThimble } from '../support/program.ts';
import { STORIES_FILE } from '../support/models.ts';

const MODEL = 'stories260k';
const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const UP = '\u001b[A';
const PROMPT = /> $/;

let home = '';
const before = process.env['THIMBLE_HOME'];
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'thimble-chat-'));
  for (const id of [MODEL, 'other'])
    expect(await runThimble(['import', STORIES_FILE, '--id', id], { home })).toMatchObject({
      code: 0,
    });
  process.env['THIMBLE_HOME'] = home;
});
afterAll(async () => {
  if (before === undefined) delete process.env['THIMBLE_HOME'];
  else process.env['THIMBLE_HOME'] = before;
  await rm(home, { recursive: true, force: true });
});

const FLAGS: ChatFlags = { model: MODEL, greedy: true, maxTokens: 12, memory: 'none' };

/** A terminal whose keys the test presses, and whose screen it reads. */
class Screen {
  readonly session: ChatSession;
  readonly ended: Promise<void>;
  readonly notes: string[] = [];
  readonly #input = new PassThrough();
  readonly #watchers = new Set<() => void>();
  /** What was written since the last wait ended. */
  #shown = '';
  #hasEnded = false;

  constructor(session: ChatSession, historyPath: string | null = null) {
    this.session = session;
    const output = Object.assign(new PassThrough(), { columns: 200 });
    const errors = new PassThrough();
    for (const stream of [output, errors])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#shown += text;
        for (const look of this.#watchers) look();
      });
    this.ended = runChatTerminal(session, {
      ...{ input: this.#input, output, errors, isTerminal: true, historyPath },
      signal: new AbortController().signal,
      noteEnd: (reason) => void this.notes.push(reason),
    }).finally(() => {
      this.#hasEnded = true;
      for (const look of this.#watchers) look();
    });
  }

  press(keys: string): void {
    this.#input.write(keys);
  }

  /** What was shown until `pattern` came. */
  async until(pattern: RegExp): Promise<string> {
    return await new Promise((resolve, reject) => {
      const look = () => {
        // Without what moves the cursor and clears lines.
        const plain = this.#shown.replaceAll(/\u001b\[[\d;]*[A-Za-z]/g, '');
        if (pattern.test(plain)) {
          this.#shown = '';
          resolve(plain);
        } else if (this.#hasEnded) reject(new Error(`ended without ${String(pattern)}: ${plain}`));
        else return;
        this.#watchers.delete(look);
      };
      this.#watchers.add(look);
      look();
    });
  }

  /** What is shown after a line was typed, until the next prompt. */
  async type(line: string): Promise<string> {
    this.press(`${line}\r`);
    await this.until(/\n/);
    return await this.until(PROMPT);
  }
}

let screen: Screen;
beforeEach(async () => {
  screen = new Screen(await ChatSession.open(FLAGS));
  expect(await screen.until(PROMPT)).toContain(`${MODEL}; /help shows the commands`);
});

async function leave(): Promise<void> {
  screen.press('/exit\r');
  await screen.ended;
}

test('a message is answered and kept; an answer that ends by its length says so', async () => {
  const shown = await screen.type('Once upon a time');
  const [, answer] = screen.session.messages;
  expect(shown).toContain(answer!.content);
  expect(answer!.content).toMatch(/\w+ \w+/);
  expect(screen.notes).toEqual(['length']);
  await leave();
});

test('Ctrl-C ends the answer, keeps what came of it, and the chat goes on', async () => {
  screen.session.set(['--max-tokens', '400']);
  screen.press('Once upon a time\r');
  await screen.until(/\n.*there/s);
  screen.press(CTRL_C);
  await screen.until(PROMPT);
  const [, answer] = screen.session.messages;
  expect(answer!.content).toContain('there');
  expect(screen.notes).toEqual([]);
  expect(await screen.type('/set max-tokens 3')).not.toContain('error');
  await screen.type('Lily');
  expect(screen.session.messages).toHaveLength(4);
  await leave();
});

test('Ctrl-C empties a line, and ends the chat the second time at an empty prompt', async () => {
  screen.press('half a mess');
  await screen.until(/mess$/);
  screen.press(CTRL_C);
  expect(await screen.until(PROMPT)).not.toContain('ends');
  await screen.type('Lily');
  expect(screen.session.messages[0]).toEqual({ role: 'user', content: 'Lily' });
  screen.press(CTRL_C);
  await screen.until(/Ctrl-C again or Ctrl-D ends[^]*> $/);
  screen.press(CTRL_C);
  await screen.ended;
});

test('Ctrl-D ends the chat', async () => {
  screen.press(CTRL_D);
  await screen.ended;
});

test('the arrow keys find earlier lines, also those of an earlier chat, which only the user may read', async () => {
  await leave();
  const path = join(home, 'data', 'chat-history');
  // The last line of the first chat is its /exit.
  for (const keys of ['/set top-k 7', UP + UP]) {
    screen = new Screen(await ChatSession.open(FLAGS), path);
    await screen.until(PROMPT);
    screen.press(keys);
    await screen.until(/\/set top-k 7$/);
    screen.press('\r');
    await screen.until(PROMPT);
    expect(screen.session.settings).toMatchObject({ topK: 7 });
    await leave();
  }
  expect(readFileSync(path, 'utf8')).toContain('/set top-k 7\n');
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('three quotation marks begin and end a message of several lines', async () => {
  screen.press('"""Once\r');
  await screen.until(/\. $/);
  screen.press('upon\r');
  await screen.until(/\. $/);
  await screen.type('a time"""');
  expect(screen.session.messages[0]!.content).toBe('Once\nupon\na time');
  await leave();
});

test('/help names every command, and an unknown one is refused', async () => {
  const shown = await screen.type('/help');
  for (const name of Object.keys(SLASH_COMMANDS)) expect(shown).toContain(`/${name}`);
  expect(await screen.type('/nonsense')).toContain('/nonsense: no such command; /help lists them.');
  await leave();
});

test('/system sets, shows and removes the system message', async () => {
  expect(await screen.type('/system')).toContain('no system message');
  await screen.type('/system Tell stories.');
  expect(screen.session.messages).toEqual([{ role: 'system', content: 'Tell stories.' }]);
  expect(await screen.type('/system')).toContain('Tell stories.');
  await screen.type('/system ""');
  expect(screen.session.messages).toEqual([]);
  await leave();
});

test('/set changes an option as the command line would, or says what was expected', async () => {
  await screen.type('/set temperature 0.5');
  await screen.type('/set max_tokens 5');
  expect(await screen.type('/set')).toMatch(/maxTokens 5\r?\n.*temperature 0\.5/s);
  expect(await screen.type('/set temperature hot')).toContain('Expected a number from 0 to 100');
  expect(await screen.type('/set nonsense 1')).toContain("unknown option '--nonsense'");
  expect(screen.session.settings).toMatchObject({ temperature: 0.5, maxTokens: 5 });
  await leave();
});

test('/save and /load keep a conversation; /clear forgets it; /model keeps it', async () => {
  await screen.type('/system Tell stories.');
  await screen.type('Lily');
  const { messages } = screen.session;
  expect(messages).toHaveLength(3);
  await screen.type('/save mine');
  const path = join(home, 'data', 'chats', 'mine.json');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  await screen.type('/clear');
  expect(screen.session.messages).toHaveLength(1);
  expect(await screen.type('/load mine')).toContain('3 messages');
  expect(screen.session.messages).toEqual(messages);
  expect(await screen.type('/model')).toContain('other, stories260k');
  await screen.type('/model other');
  expect(screen.session.modelId).toBe('other');
  expect(await screen.type('/model nowhere')).toContain('not imported');
  expect(screen.session.modelId).toBe('other');
  expect(screen.session.messages).toEqual(messages);
  expect(await screen.type('/load absent')).toContain('cannot be read');
  expect(await screen.type(`/load ${STORIES_FILE}`)).toContain('is no conversation');
  expect(existsSync(path)).toBe(true);
  await leave();
});

test('what is typed while an answer is made is not mixed into it, and is read after it', async () => {
  screen.press('Once upon a time\r');
  await screen.until(/\n/);
  screen.press('/system later\r');
  await screen.until(PROMPT);
  await screen.type('/system');
  expect(screen.session.system).toBe('later');
  expect(screen.session.messages[2]!.content).not.toContain('later');
  await leave();
});
