/** `thimble transcribe`: recordings from the terminal. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { linkModels } from '../support/models.ts';
import { runThimble } from '../support/program.ts';
import { soundFile } from '../support/sound.ts';
import { findRecording } from '../support/needs.ts';

const JFK = findRecording();
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'thimble-transcribe-'));
  await linkModels(join(folder, 'data', 'models'), ['whisper-tiny.en', 'silero-vad']);
});
const transcribe = (...args: string[]) => runThimble(['transcribe', ...args], { home: folder });
afterAll(() => rm(folder, { recursive: true, force: true }));

describe.skipIf(JFK === null)('a recording', () => {
  test('as text on standard output, with what it took on the other', async () => {
    const { code, stdout, stderr } = await transcribe(JFK!);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^And so,? my fellow Americans/);
    expect(stderr).toMatch(/jfk\.wav: 11 s of sound in .* times as fast\), language en/);
  });

  test('as subtitles in a file, and as JSON with words', async () => {
    const out = join(folder, 'jfk.srt');
    const run = await transcribe(JFK!, '--format', 'srt', '-o', out, '--no-vad');
    expect(run).toMatchObject({ code: 0, stdout: '' });
    expect(await readFile(out, 'utf8')).toMatch(/^1\n00:00:0\d,\d{3} --> /);
    const json = await transcribe(JFK!, '--format', 'json', '--words');
    const { words, duration } = JSON.parse(json.stdout) as { words: unknown[]; duration: number };
    expect(words.length).toBeGreaterThan(18);
    expect(duration).toBe(11);
  });
});

describe('refused with one line', () => {
  test.each([
    [['nowhere.wav'], 'cannot be read'],
    [['FOLDER/sound.aiff'], 'AIFF is not read here'],
    [['FOLDER/empty.wav'], '0 bytes'],
    [['FOLDER/sound.m4a', '--words'], '--format json'],
    [['FOLDER/sound.m4a', '-m', 'silero-vad'], 'expected a speech model'],
    [['FOLDER/sound.m4a', '--language', 'xx'], 'expected one of'],
    [['FOLDER/sound.m4a', '--translate'], 'knows English alone'],
  ])('%j', async (args, text) => {
    await writeFile(join(folder, 'sound.m4a'), await soundFile('sound.m4a'));
    await writeFile(join(folder, 'sound.aiff'), 'FORM\0\0\0\0AIFF');
    await writeFile(join(folder, 'empty.wav'), '');
    const { code, stdout, stderr } = await transcribe(
      ...args.map((arg) => arg.replace('FOLDER', folder)),
    );
    expect(code).not.toBe(0);
    expect(stdout).toBe('');
    expect(stderr).toContain(text);
    expect(stderr).not.toContain('    at ');
  });
});
