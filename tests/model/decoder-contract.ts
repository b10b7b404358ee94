/**
 * What every decoder must give (engine/model/decoder/contract.ts), shown on stories260K: passes,
 * pages, refusals, and whole generations through the step loop and the engine.
 */
import { readFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { PAGE_TOKENS, pagesFor } from '../../engine/cache/geometry.ts';
import { PagePool, Sequence } from '../../engine/cache/pages.ts';
import { rowKey } from '../../engine/cache/prefix-key.ts';
import type { Engine } from '../../engine/generate/engine.ts';
import { Generation } from '../../engine/generate/generation.ts';
import { Scheduler } from '../../engine/generate/scheduler.ts';
import { StepLoop } from '../../engine/generate/step-loop.ts';
import { plainTurns } from '../../engine/base/turns.ts';
import type { GenerateEvent } from '../../engine/generate/types.ts';
import { compileRegex, Vocabulary } from '../../engine/grammar/index.ts';
import type {
  BatchPart,
  DecoderBackend,
  PositionInput,
} from '../../engine/model/decoder/contract.ts';
import { DEFAULT_SAMPLING } from '../../engine/sample/params.ts';
import { engineOver } from '../support/backend-engines.ts';
import { Llama2cReference } from '../support/llama2c-reference.ts';
import { STORIES_FILE } from '../support/models.ts';
import { seededRandom } from '../support/random.ts';
import { BOS, request } from '../support/requests.ts';
import type { RequestChanges } from '../support/requests.ts';

/** Measured: 1.9e-2, of logits from -19 to 22: keys and values are halves in WebAssembly. */
const LOGIT_DIFFERENCE = 3e-2;
const TEXT_TOKENS = 80;

const never = () => new AbortController().signal;

/** The bits of a row of logits, so that two rows are equal or not. */
function bitsOf(logits: Float32Array): string {
  return new Uint32Array(logits.slice().buffer).join();
}

export async function storiesReference(): Promise<Llama2cReference> {
  return new Llama2cReference(new Uint8Array(await readFile(STORIES_FILE)));
}

/** @param open a decoder of stories260K on which nothing ran yet */
export function describeDecoder(name: string, open: () => Promise<DecoderBackend>): void {
  describe(`${name} as a decoder`, () => {
    let reference: Llama2cReference;
    /** What the model says, and its logits at every position of it. */
    let text: number[];
    let logits: Float32Array[];
    let decoder: DecoderBackend;
    beforeAll(async () => {
      reference = await storiesReference();
      [text, logits] = [[BOS], []];
      while (text.length <= TEXT_TOKENS) {
        const row = reference.next(text.at(-1));
        logits.push(row);
        text.push(row.indexOf(Math.max(...row)));
      }
      decoder = await open();
    });

    const newSequence = (pool = new PagePool(decoder.limits.nPage), nTokens = TEXT_TOKENS) => {
      const sequence = new Sequence(pool);
      sequence.reserve(nTokens);
      return sequence;
    };
    const partOf = (sequence: Sequence, inputs: readonly PositionInput[], slot = 0): BatchPart => ({
      ...{ sequence, inputs, slot, logitsFrom: 0, adapter: null },
    });
    /** Evaluates `inputs` in passes of at most `nRow`, and gives the bits of all logits. */
    const read = async (
      sequence: Sequence,
      inputs: readonly PositionInput[],
      nRow = decoder.limits.maxRows,
    ) => {
      const seen: Float32Array[] = [];
      for (let at = 0; at < inputs.length; at += nRow)
        await decoder.forward(
          [partOf(sequence, inputs.slice(at, at + nRow))],
          (_, index, row) => (seen[at + index] = decoder.logits(row).slice()),
        );
      return seen;
    };

    it('says what it can take, with room for a prompt beside all that decode', () => {
      const { nCtx, nPage, maxRows, maxSequences } = decoder.limits;
      expect(nPage).toBeGreaterThanOrEqual(pagesFor(nCtx));
      expect(maxRows).toBeGreaterThan(maxSequences);
      expect(decoder.config).toMatchObject({ nEmbd: 64, nVocab: 512, nLayer: 5 });
    });

    it('gives the logits of the plain model, appended to the sequence', async () => {
      const sequence = newSequence();
      const seen = await read(sequence, text.slice(0, TEXT_TOKENS));
      expect(sequence.items).toEqual(text.slice(0, TEXT_TOKENS));
      const far = seen.flatMap((row, i) => [...row].map((x, id) => Math.abs(x - logits[i]![id]!)));
      expect(far).toHaveLength(TEXT_TOKENS * 512);
      expect(far.every(Number.isFinite)).toBe(true);
      expect(far.reduce((most, x) => Math.max(most, x), 0)).toBeLessThan(LOGIT_DIFFERENCE);
    });

    it('gives a text the same logits however it is cut and whoever shares its passes', async () => {
      const pool = new PagePool(decoder.limits.nPage);
      const texts = [0, 20, 40].map((from) => text.slice(from, from + 40));
      const alone: string[][] = [];
      for (const one of texts) alone.push((await read(newSequence(), one)).map(bitsOf));
      const sequences = texts.map(() => newSequence(pool, 40));
      const seen: string[][] = texts.map(() => []);
      const random = seededRandom(3);
      while (sequences.some(({ items }, i) => items.length < texts[i]!.length)) {
        let room = decoder.limits.maxRows;
        const starts = sequences.map(({ items }) => items.length);
        const parts = texts.flatMap((one, i) => {
          const n = Math.min(room, one.length - starts[i]!, Math.floor(random() * 6));
          room -= n;
          const own = partOf(sequences[i]!, one.slice(starts[i], starts[i]! + n), i);
          return n === 0 ? [] : [own];
        });
        if (parts.length === 0) continue;
        await decoder.forward(parts, (part, index, row) => {
          const i = parts[part]!.slot;
          seen[i]![starts[i]! + index] = bitsOf(decoder.logits(row));
        });
      }
      expect(seen).toEqual(alone);
    });

    it('shows the logits that are wanted, in order, and no others', async () => {
      const pool = new PagePool(decoder.limits.nPage);
      const wanted = [1, 3, 0].map((logitsFrom, slot) => ({
        ...partOf(newSequence(pool, 3), [BOS, 300 + slot, 310], slot),
        logitsFrom,
      }));
      const visits: [number, number][] = [];
      await decoder.forward(wanted, (part, index) => void visits.push([part, index]));
      expect(visits).toEqual([
        ...[1, 2].map((index) => [0, index]),
        ...[0, 1, 2].map((index) => [2, index]),
      ]);
    });

    it('says which logit is largest, and the mass of all', async () => {
      let seen = 0;
      await decoder.forward([partOf(newSequence(), text.slice(0, 5))], (_, index, row) => {
        const values = decoder.logits(row);
        const likeliest = decoder.argmax(row);
        expect(likeliest).toBe(values.indexOf(Math.max(...values)));
        expect(likeliest).toBe(text[index + 1]);
        const top = values[likeliest]!;
        const mass = values.reduce((sum, x) => sum + Math.exp(x - top), 0);
        expect(decoder.sumExp(row, top) / mass).toBeCloseTo(1, 5);
        seen++;
      });
      expect(seen).toBe(5);
    });

    it('evaluates rows as it does the tokens they are the embeddings of', async () => {
      const ids = text.slice(0, 30);
      const inputs = ids.map((id, i) =>
        i % 4 === 0 ? id : { key: rowKey('text', i), values: reference.embed(id) },
      );
      const sequence = newSequence();
      const seen = await read(sequence, inputs);
      expect(seen.map(bitsOf)).toEqual((await read(newSequence(), ids)).map(bitsOf));
      expect(sequence.items.slice(0, 3)).toEqual([BOS, '1:text', '2:text']);
    });

    it('goes on with pages that were copied, and leaves those they came from', async () => {
      const pool = new PagePool(decoder.limits.nPage);
      const [sequence, copy] = [newSequence(pool), newSequence(pool)];
      const nHead = PAGE_TOKENS + 9;
      const whole = await read(sequence, text.slice(0, TEXT_TOKENS));
      for (const [i, page] of copy.pages.entries()) decoder.copyPage(sequence.pages[i]!, page);
      copy.items.push(...text.slice(0, nHead));
      const other = await read(copy, [...text.slice(nHead, nHead + 3), 400, 401]);
      expect(other.slice(0, 3).map(bitsOf)).toEqual(whole.slice(nHead, nHead + 3).map(bitsOf));
      sequence.truncate(nHead);
      sequence.reserve(TEXT_TOKENS);
      const again = await read(sequence, text.slice(nHead, TEXT_TOKENS));
      expect(again.map(bitsOf)).toEqual(whole.slice(nHead).map(bitsOf));
    });

    it.each([
      ['an id outside the vocabulary', { inputs: [BOS, 512] }, 'E_REQUEST_INVALID'],
      ['half an id', { inputs: [1.5] }, 'E_REQUEST_INVALID'],
      ['nothing', { inputs: [] }, 'E_INTERNAL'],
      ['more than a pass takes', 'too many', 'E_INTERNAL'],
      [
        'a row of another width',
        { inputs: [{ key: 'x', values: new Float32Array(63) }] },
        'E_INTERNAL',
      ],
      ['a place it does not have', { slot: 32 }, 'E_INTERNAL'],
      ['an adapter it does not hold', { adapter: { id: 'unknown' } }, 'E_INTERNAL'],
      ['pages it was not given', { sequence: new Sequence(new PagePool(0)) }, 'E_INTERNAL'],
    ] as const)('refuses %s before anything is appended', async (_, change, code) => {
      const sequence = newSequence();
      const tooMany = { inputs: new Array<number>(decoder.limits.maxRows + 1).fill(BOS) };
      const changes = change === 'too many' ? tooMany : change;
      const part = { ...partOf(sequence, [BOS]), ...changes };
      const pass = async () => {
        await decoder.forward([part]);
      };
      await expect(pass()).rejects.toMatchObject({ code });
      expect(part.sequence.items).toEqual([]);
      expect((await read(sequence, [BOS])).map(bitsOf)).toHaveLength(1);
    });

    describe('under the step loop', () => {
      let age = 0;
      const newLoop = (on: DecoderBackend) => {
        const copyPage = (from: number, to: number): void => on.copyPage(from, to);
        const scheduler = new Scheduler({ ...on.limits, copyPage });
        const turns = plainTurns(() => setImmediate());
        const loop = new StepLoop(on, scheduler, turns);
        return { scheduler, loop };
      };
      const run = async ({ loop }: ReturnType<typeof newLoop>, changes: RequestChanges) => {
        const options = { age: age++, nCtx: decoder.limits.nCtx, keep: true, draftModel: null };
        const events: GenerateEvent[] = [];
        const generation = new Generation(decoder, request(changes), options);
        for await (const event of loop.run(generation, never())) events.push(event);
        const done = events.at(-1);
        if (done?.type !== 'done') throw new Error('no done event');
        const tokens = events.flatMap((e) => (e.type === 'token' ? [e.token] : []));
        return { tokens, usage: done.usage };
      };

      it('says the plain model’s greedy text, alone and beside others', async () => {
        const on = newLoop(decoder);
        const alone = await run(on, { maxTokens: 60 });
        expect(alone.tokens).toEqual(text.slice(1, 61));
        const lengths = [3, 12, 25, 30, 7];
        const answers = await Promise.all(
          lengths.map((n) => run(on, { promptTokens: text.slice(0, n), maxTokens: 40 })),
        );
        for (const [i, n] of lengths.entries())
          expect(answers[i]!.tokens).toEqual(text.slice(n, n + 40));
        expect(on.scheduler.nRunning).toBe(0);
      });

      it('samples the same text whatever runs beside, and finds kept prefixes', async () => {
        const on = newLoop(decoder);
        const sampling = { ...DEFAULT_SAMPLING, temperature: 1, topP: 0.9, seed: 7 };
        const changes = { promptTokens: text.slice(0, 40), maxTokens: 30, sampling };
        const alone = await run(on, changes);
        const [beside] = await Promise.all([run(on, changes), run(on, { maxTokens: 50 })]);
        expect(beside.tokens).toEqual(alone.tokens);
        expect([alone.usage.cachedTokens, beside.usage.cachedTokens]).toEqual([0, 39]);
      });
    });

    describe('in an engine', () => {
      /** Tokens 3 to 258 stand for single bytes. */
      const FIRST_BYTE = 3;
      const vocabulary = () =>
        new Vocabulary({
          nVocab: 512,
          bytesOf: (token) =>
            token >= FIRST_BYTE && token < FIRST_BYTE + 256
              ? Uint8Array.of(token - FIRST_BYTE)
              : null,
          endTokens: [2],
        });
      const run = async (engine: Engine, changes: RequestChanges = {}) => {
        const events: GenerateEvent[] = [];
        for await (const event of engine.generate(request(changes), never())) events.push(event);
        const done = events.at(-1);
        if (done?.type !== 'done') throw new Error('no done event');
        const tokens = events.flatMap((e) => (e.type === 'token' ? [e.token] : []));
        return { tokens, usage: done.usage, reason: done.reason };
      };
      afterEach(() => void vi.restoreAllMocks());

      it('says the plain model’s greedy text, however many ask at once', async () => {
        const engine = engineOver(decoder);
        const lengths = [3, 12, 25, 30, 7, 40, 1];
        const answers = await Promise.all(
          lengths.map((n) => run(engine, { promptTokens: text.slice(0, n), maxTokens: 40 })),
        );
        for (const [i, n] of lengths.entries())
          expect(answers[i]!.tokens).toEqual(text.slice(n, n + 40));
        expect(engine.stats()).toMatchObject({
          ...{ modelId: 'stories', nRunning: 0, nQueued: 0, nPromisedPages: 0 },
          nPage: decoder.limits.nPage,
        });
        expect(engine.nCtx).toBe(decoder.limits.nCtx);
      });

      it('shows the logits of every position, to the bit those of its passes', async () => {
        const engine = engineOver(decoder);
        const ids = text.slice(0, 60);
        const seen: string[] = [];
        await engine.evaluate(ids, (position, row) => (seen[position] = bitsOf(row)));
        expect(seen).toEqual((await read(newSequence(), ids)).map(bitsOf));
      });

      it('keeps to a grammar', async () => {
        const engine = engineOver(decoder);
        engine.setVocabulary(vocabulary());
        const grammar = compileRegex('(yes|no)( [a-c]{4})+');
        const sampling = { ...DEFAULT_SAMPLING, temperature: 1.5, seed: 3 };
        const { tokens, reason } = await run(engine, {
          ...{ maxTokens: 30, stopTokens: [2], sampling },
          constraint: { grammar, key: 'yes or no' },
        });
        const said = String.fromCharCode(...tokens.map((token) => token - FIRST_BYTE));
        expect(said).toMatch(/^(yes|no)( [a-c]{4})+$/);
        expect(['stop', 'length']).toContain(reason);
      });

      it('says the same with guesses of another decoder like it, which mostly hold', async () => {
        // By a clock that stands still steps cost what is known of them.
        vi.spyOn(performance, 'now').mockReturnValue(1000);
        const draft = engineOver(await open());
        const engine = engineOver(decoder, { weightBytes: 10, draft });
        const changes = { promptTokens: text.slice(0, 5), maxTokens: 60 };
        const { tokens, usage } = await run(engine, changes);
        expect(tokens).toEqual(text.slice(5, 65));
        expect(usage.acceptedTokens).toBeGreaterThan(10);
        expect(draft.stats()).toMatchObject({ nRunning: 0, nPromisedPages: 0 });
      });
    });
  });
}
