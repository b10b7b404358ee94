/**
 * What an isolate that holds a piece of a decoder does for the one that leads: embeds, runs its layers,
 * projects onto its rows of the vocabulary. It keeps weights and pages and decides nothing: which page
 * belongs to whom comes with every pass.
 *
 * Its pages are worth something only to the session that filled them. A stage that restarted has no
 * session, and one that another leader took over has a different one: passes of any other session, or
 * out of order, are refused before they touch a page, and the leader evaluates its texts again.
 */
import { EngineError } from '../../base/errors.ts';
import type { AdapterSource, DecoderLimits } from './contract.ts';
import type { Decoder, PartPlace } from './decoder.ts';
import { isEmpty } from './piece.ts';
import type { PieceRange } from './piece.ts';

/** Hidden rows through the layers of a stage. Plain data: it travels. */
export interface LayersCall {
  readonly session: string;
  /** Passes of the session before this one. */
  readonly nPass: number;
  /** Pages to copy first, [from, to]. */
  readonly copies: readonly (readonly [from: number, to: number])[];
  readonly places: readonly PartPlace[];
  /** [rows, hiddenStride] f32 */
  readonly rows: Float32Array;
  /** For each row that is left, as in HeadCall: the stage's own rows of the vocabulary are wanted, too. */
  readonly onlyTop?: readonly boolean[];
}

export interface LayersAnswer {
  /** Hidden rows after the layers; of the last layer only those whose logits are wanted. */
  readonly rows: Float32Array;
  /** What `head` would answer for them, if that was asked for. */
  readonly head: readonly HeadRow[] | null;
}

/** Hidden rows onto the rows of the vocabulary that a stage holds. */
export interface HeadCall {
  /** [rows, hiddenStride] f32, as the last layer left them. */
  readonly rows: Float32Array;
  /** For each row, whether only its largest logit is wanted. */
  readonly onlyTop: readonly boolean[];
}

/** What a stage answers for one row of a HeadCall. */
export interface HeadRow {
  /** Token with the largest logit among the rows of the vocabulary that the stage holds. */
  readonly id: number;
  readonly logit: number;
  /** Sum of e^(l - logit) over them; 0 when only the largest was wanted. */
  readonly sumExp: number;
  /** All of them; null when only the largest was wanted. */
  readonly logits: Float32Array | null;
  /** The embedding of `id`, which is likely to be asked for next; null with many rows. */
  readonly embedding: Float32Array | null;
}

/** A stage as the leader sees it, in the same isolate or in another. */
export interface StageLink {
  /** Name of its isolate, for messages. */
  readonly name: string;
  readonly piece: PieceRange;
  /** Begins a session: whatever the stage's pages held is void. Loads weights if necessary. */
  open(session: string): void | Promise<void>;
  /** @returns [ids, hiddenStride] f32; positions matter to families that learned them */
  embed(ids: readonly number[], positions: readonly number[]): Float32Array | Promise<Float32Array>;
  layers(call: LayersCall): LayersAnswer | Promise<LayersAnswer>;
  head(call: HeadCall): readonly HeadRow[] | Promise<readonly HeadRow[]>;
  /** Holds the matrices of its own layers; in no session, but gone when the stage restarts. */
  holdAdapter(source: AdapterSource): Promise<void>;
  dropAdapter(id: string): void | Promise<void>;
}

/** Rows of a call for which embeddings are sent along: streams that decode, not prompts. */
const MAX_SENT_EMBEDDINGS = 8;

/** Rows of the passes that warm a stage up: a tile, and single tokens. */
const WARM_ROWS = [4, 1, 1, 1];

export class DecoderStage implements StageLink {
  readonly name: string;
  readonly piece: PieceRange;
  readonly #decoder: Decoder;
  #session: string | null = null;
  #nPass = 0;

  constructor(name: string, decoder: Decoder) {
    this.name = name;
    this.piece = decoder.plan.piece;
    this.#decoder = decoder;
  }

  /** The same weights with nothing on their pages, as after a restart of the isolate. */
  restarted(): DecoderStage {
    return new DecoderStage(this.name, this.#decoder);
  }

  /** Values from one hidden row to the next. */
  get hiddenStride(): number {
    return this.#decoder.hiddenStride;
  }

  /** Room for positions and pages, the same in all stages of a model. */
  get limits(): DecoderLimits {
    return this.#decoder.limits;
  }

  open(session: string): void {
    this.#session = session;
    this.#nPass = 0;
  }

  /** Ends the session: its passes are refused from now on. */
  close(): void {
    this.#session = null;
  }

  /** @throws {EngineError} E_REQUEST_INVALID for an id that is not among its rows. */
  embed(ids: readonly number[], positions: readonly number[]): Float32Array {
    const decoder = this.#decoder;
    decoder.embedTokens(ids, positions);
    return decoder.hidden(ids.length).slice();
  }

  /** @throws {EngineError} E_STAGE_LOST for a call of another session or out of order. */
  layers({ session, nPass, copies, places, rows, onlyTop }: LayersCall): LayersAnswer {
    if (session !== this.#session || nPass !== this.#nPass) throw this.#lost(session, nPass);
    this.#nPass++;
    const decoder = this.#decoder;
    for (const [from, to] of copies) decoder.copyPage(from, to);
    decoder.hidden(rows.length / decoder.hiddenStride).set(rows);
    const nLeft = decoder.layers(places, ...this.piece.layers);
    if (nLeft === 0) return { rows: new Float32Array(0), head: null };
    const left = decoder.hidden(nLeft).slice();
    return { rows: left, head: onlyTop === undefined ? null : this.#headRows(onlyTop) };
  }

  head({ rows, onlyTop }: HeadCall): HeadRow[] {
    this.#decoder.hidden(onlyTop.length).set(rows);
    return this.#headRows(onlyTop);
  }

  /** @throws {EngineError} E_MEMORY_BUDGET when those it holds leave no room; what the source throws */
  async holdAdapter(source: AdapterSource): Promise<void> {
    if (!isEmpty(this.piece.layers)) await this.#decoder.holdAdapter(source);
  }

  dropAdapter(id: string): void {
    this.#decoder.dropAdapter(id);
  }

  /** Of the first hidden rows. */
  #headRows(onlyTop: readonly boolean[]): HeadRow[] {
    const decoder = this.#decoder;
    const nRow = onlyTop.length;
    const answers: Omit<HeadRow, 'embedding'>[] = [];
    decoder.projectRows(nRow, (index, row) => answers.push(this.#headRow(row, onlyTop[index]!)));
    // Last, since they take the place of the hidden rows. Learned positions are not known here.
    const sendsEmbeddings = nRow <= MAX_SENT_EMBEDDINGS && !decoder.hasLearnedPositions;
    if (!sendsEmbeddings) return answers.map((answer) => ({ ...answer, embedding: null }));
    const ids = answers.map(({ id }) => id);
    const rows = this.embed(ids, ids);
    const { hiddenStride } = decoder;
    return answers.map((answer, i) => ({
      ...answer,
      embedding: rows.slice(i * hiddenStride, (i + 1) * hiddenStride),
    }));
  }

  #headRow(row: number, onlyTop: boolean): Omit<HeadRow, 'embedding'> {
    const decoder = this.#decoder;
    const index = decoder.argmax(row);
    const logits = decoder.logits(row);
    const logit = logits[index]!;
    const id = this.piece.rows[0] + index;
    if (onlyTop) return { id, logit, sumExp: 0, logits: null };
    return { id, logit, sumExp: decoder.sumExp(row, logit), logits: logits.slice() };
  }

  #lost(session: string, nPass: number): EngineError {
    const why =
      this.#session === null
        ? 'restarted'
        : session === this.#session
          ? `expected pass ${this.#nPass}, got ${nPass}`
          : 'has begun another session';
    return stageLost(this.name, why);
  }
}

/** The error of a stage whose pages no longer hold what the leader believes. */
export function stageLost(stage: string, why: string, cause?: unknown): EngineError {
  return new EngineError('E_STAGE_LOST', `stage ${stage}: ${why}. Try again.`, {
    details: { stage, retryAfterS: STAGE_RETRY_AFTER_S },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** How long a client should wait for a stage that does not answer. */
const STAGE_RETRY_AFTER_S = 5;

/** Runs the kernels of a stage until they are fast, on a page that nobody holds yet (generate/warm-up.ts). */
export function warmUpStage(stage: DecoderStage): void {
  const { layers, rows } = stage.piece;
  const stride = stage.hiddenStride;
  stage.open('warm-up');
  for (const [nPass, nRow] of WARM_ROWS.entries()) {
    const hidden = new Float32Array(nRow * stride);
    const place = { start: nPass * nRow, nRow, pages: [0], slot: 0, logitsFrom: 0, adapter: null };
    if (!isEmpty(layers))
      stage.layers({ session: 'warm-up', nPass, copies: [], places: [place], rows: hidden });
    if (!isEmpty(rows))
      stage.head({ rows: hidden, onlyTop: Array.from({ length: nRow }, (_, i) => i > 0) });
  }
  stage.close();
}
