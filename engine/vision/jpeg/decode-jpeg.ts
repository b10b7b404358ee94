/**
 * JPEG files as pixels (ITU-T T.81), at full size or straight at 1/2, 1/4 or 1/8 of it: a photograph of 24
 * megapixels is read within a few megabytes when a small picture is wanted. Baseline files pass row by row;
 * of progressive ones only the coefficients are kept that the pixels are made of.
 */
import type { Steps } from '../../base/turns.ts';
import { orientationOf } from '../exif.ts';
import type { DecodedFile, DecodeOptions, Size } from '../picture.ts';
import { fittedSize, invalidPicture } from '../picture.ts';
import { RowScaler } from '../row-scaler.ts';
import { ScanBits } from './bits.ts';
import type { BlockState, BlockStore, DecodeBlock } from './blocks.ts';
import {
  blockBytes,
  blockStore,
  firstAc,
  firstDc,
  refinedAc,
  refinedDc,
  sequentialBlock,
} from './blocks.ts';
import { COLOUR_ROWS, colourKind } from './colours.ts';
import type { Frame, FrameComponent, HuffmanTables, Scan } from './headers.ts';
import { cutOff, readFrame, readHuffmanTables, readQuantization, readScan } from './headers.ts';
import type { BlockSide, Multipliers } from './inverse-transform.ts';
import { multipliersOf, transformOf } from './inverse-transform.ts';
import { checkMarkers, endOfScan, Marker, segments } from './markers.ts';

/** Of coefficients that wait for other scans; a picture that needs more is read smaller. */
const MAX_COEFFICIENT_BYTES = 32 * 1024 * 1024;
/** A picture this share of the wanted one is large enough, and up to four times as fast. */
const NEAR_ENOUGH = 7 / 8;
/** Blocks between turns, a few milliseconds. */
const TURN_BLOCKS = 8192;

const SIDES = [1, 2, 4, 8] as const satisfies readonly BlockSide[];

/** A component of the frame while it is decoded. */
interface Plane {
  readonly component: FrameComponent;
  readonly side: BlockSide;
  /** Blocks across in whole units, and blocks that the picture covers. */
  readonly nAcross: number;
  readonly coveredAcross: number;
  readonly coveredDown: number;
  readonly store: BlockStore;
  readonly pixels: Uint8ClampedArray;
  /** By pixel of a row of the picture. */
  readonly columns: Int32Array;
  /** From the tables at its first scan. */
  multipliers: Multipliers | null;
}

interface Context {
  readonly bytes: Uint8Array;
  readonly quantization: (Uint16Array | undefined)[];
  readonly tables: HuffmanTables;
  restartInterval: number;
  adobe: number | null;
  orientation: number;
}

/** @throws {EngineError} E_IMAGE_INVALID */
export function* decodeJpeg(bytes: Uint8Array, options: DecodeOptions): Steps<DecodedFile> {
  checkMarkers(bytes);
  const tables = { dc: [], ac: [] };
  const start = { restartInterval: 0, adobe: null, orientation: 1 };
  const context: Context = { bytes, quantization: [], tables, ...start };
  let frame: Frame | null = null;
  let output: Output | null = null;
  try {
    for (const { marker, body, end, skipTo } of segments(bytes)) {
      if (Marker.isFrame(marker)) {
        frame = readFrame(marker, body);
      } else if (marker === Marker.SCAN) {
        if (frame === null) throw invalidPicture('has a scan before its frame', 'a whole JPEG');
        const scan = readScan(frame, body);
        output ??= new Output(context, frame, scan, options);
        yield* output.decode(scan, end);
        if (output.isDone) break;
        skipTo(endOfScan(bytes, end));
      } else {
        readTables(marker, body, context);
      }
    }
    if (frame === null || output === null) throw cutOff();
    const picture = yield* output.finish();
    const { width, height } = frame;
    return { picture, width, height, orientation: context.orientation };
  } finally {
    output?.release();
  }
}

function readTables(marker: number, body: Uint8Array, context: Context): void {
  if (marker === Marker.HUFFMAN) readHuffmanTables(body, context.tables);
  else if (marker === Marker.QUANTIZATION) readQuantization(body, context.quantization);
  else if (marker === Marker.RESTARTS)
    context.restartInterval = ((body[0] ?? 0) << 8) | (body[1] ?? 0);
  else if (marker === Marker.EXIF && startsWith(body, 'Exif\0\0'))
    context.orientation = orientationOf(body.subarray(6));
  else if (marker === Marker.ADOBE && startsWith(body, 'Adobe') && body.length >= 12)
    context.adobe = body[11]!;
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  return Array.from(text).every((char, i) => bytes[i] === char.charCodeAt(0));
}

/** The picture as its scans make it. */
class Output {
  readonly #context: Context;
  readonly #frame: Frame;
  readonly #side: BlockSide;
  readonly #size: Size;
  readonly #planes: readonly Plane[];
  /** One scan has everything, so that nothing is kept. */
  readonly #isStreamed: boolean;
  readonly #scaler: RowScaler;
  readonly #row: Uint8ClampedArray;
  #isDone = false;
  #nBlock = 0;

  constructor(context: Context, frame: Frame, scan: Scan, { maxSide }: DecodeOptions) {
    this.#context = context;
    this.#frame = frame;
    const { components } = frame;
    this.#isStreamed = !frame.isProgressive && scan.components.length === components.length;
    this.#side = chooseSide(frame, maxSide, this.#isStreamed);
    this.#size = scaled(frame, this.#side);
    this.#planes = components.map((component) => this.#plane(component));
    const extent = {
      width: (frame.width * this.#side) / 8,
      height: (frame.height * this.#side) / 8,
    };
    this.#scaler = new RowScaler(
      this.#size,
      atMost(this.#size, fittedSize(frame, maxSide)),
      extent,
    );
    this.#row = new Uint8ClampedArray(3 * this.#size.width);
  }

  get isDone(): boolean {
    return this.#isDone;
  }

  *decode(scan: Scan, at: number): Steps<void> {
    for (const { index } of scan.components) this.#latchQuantization(this.#planes[index]!);
    // Pixels of single blocks are their means: the rest is not read.
    if (this.#frame.isProgressive && this.#side === 1 && scan.from > 0) return;
    const bits = new ScanBits(this.#context.bytes, at);
    const states = this.#statesOf(scan);
    const decode = decoderOf(this.#frame, scan);
    if (this.#isStreamed || scan.components.length > 1)
      yield* this.#interleaved(scan, states, decode, bits);
    else yield* this.#single(this.#planes[scan.components[0]!.index]!, states[0]!, decode, bits);
    bits.checkEnd();
    this.#isDone = this.#isStreamed;
  }

  *finish() {
    if (!this.#isStreamed)
      for (let unit = 0; unit < this.#frame.nUnitDown; unit++) {
        this.#writeUnits(unit, unit);
        if (this.#isTurn(this.#frame.nUnitAcross * 3)) yield;
      }
    if (!this.#scaler.isFull) throw cutOff();
    return this.#scaler.finish();
  }

  /** Gives tens of megabytes back at once, which might wait long for a garbage collection. */
  release(): void {
    for (const { store } of this.#planes)
      for (const { buffer } of [store.kept, store.isSet]) (buffer as ArrayBuffer).transfer(0);
  }

  *#interleaved(
    scan: Scan,
    states: readonly BlockState[],
    decode: DecodeBlock,
    bits: ScanBits,
  ): Steps<void> {
    const { nUnitAcross, nUnitDown } = this.#frame;
    const restarts = new Restarts(this.#context.restartInterval, states, bits);
    const planes = scan.components.map(({ index }) => this.#planes[index]!);
    for (let row = 0; row < nUnitDown; row++) {
      // Where nothing is kept, each row of units takes the place of the one before.
      const at = this.#isStreamed ? 0 : row;
      if (this.#isStreamed) for (const { store } of planes) store.kept.fill(0);
      for (let column = 0; column < nUnitAcross; column++) {
        restarts.next();
        for (let c = 0; c < planes.length; c++) {
          const { component, nAcross } = planes[c]!;
          const { across, down } = component;
          for (let v = 0; v < down; v++)
            for (let h = 0; h < across; h++)
              decode(bits, states[c]!, (at * down + v) * nAcross + column * across + h);
        }
      }
      bits.checkEnd();
      if (this.#isStreamed) this.#writeUnits(row, 0);
      if (this.#isTurn(nUnitAcross * planes.length * 2)) yield;
    }
  }

  /** A scan of one component has no blocks beyond the picture (A.2.2). */
  *#single(plane: Plane, state: BlockState, decode: DecodeBlock, bits: ScanBits): Steps<void> {
    const restarts = new Restarts(this.#context.restartInterval, [state], bits);
    for (let y = 0; y < plane.coveredDown; y++) {
      for (let x = 0; x < plane.coveredAcross; x++) {
        restarts.next();
        decode(bits, state, y * plane.nAcross + x);
      }
      bits.checkEnd();
      if (this.#isTurn(plane.coveredAcross)) yield;
    }
  }

  /** Pixels of a row of units, whose blocks are those of row `stored` in the stores. */
  #writeUnits(unit: number, stored: number): void {
    const { maxDown, components } = this.#frame;
    for (const plane of this.#planes) writeBlocks(plane, stored);
    const nRow = maxDown * this.#side;
    const kind = colourKind(
      components.map(({ id }) => id),
      this.#context.adobe,
    );
    const planes = this.#planes.map(({ pixels }) => pixels);
    const columns = this.#planes.map((plane) => plane.columns);
    for (let y = 0; y < nRow && unit * nRow + y < this.#size.height; y++) {
      const starts = this.#planes.map(({ component, side, nAcross }) => {
        const row = Math.floor((y * component.down * side) / nRow);
        return row * nAcross * side;
      });
      COLOUR_ROWS[kind]({ planes, columns, starts }, this.#size.width, this.#row);
      this.#scaler.push(this.#row);
    }
  }

  #plane(component: FrameComponent): Plane {
    const { width, height, maxAcross, maxDown, nUnitAcross, nUnitDown, isProgressive } =
      this.#frame;
    const { across, down } = component;
    const side = sideOf(this.#frame, component, this.#side);
    const nAcross = nUnitAcross * across;
    const nDown = (this.#isStreamed ? 1 : nUnitDown) * down;
    const perPixel = (across * side) / (maxAcross * this.#side);
    return {
      ...{ component, side, nAcross, multipliers: null },
      coveredAcross: Math.ceil(Math.ceil((width * across) / maxAcross) / 8),
      coveredDown: Math.ceil(Math.ceil((height * down) / maxDown) / 8),
      store: blockStore(nAcross * nDown, side, isProgressive && side > 1),
      pixels: new Uint8ClampedArray(nAcross * side * down * side),
      columns: Int32Array.from({ length: this.#size.width }, (_, x) => Math.floor(x * perPixel)),
    };
  }

  #latchQuantization(plane: Plane): void {
    const table = this.#context.quantization[plane.component.quantizationIndex];
    if (table === undefined)
      throw invalidPicture('is damaged: a quantization table is missing', 'a whole JPEG');
    plane.multipliers ??= multipliersOf(table, plane.side);
  }

  #statesOf({ components, from, to, lowBit, highBit }: Scan): BlockState[] {
    const { dc, ac } = this.#context.tables;
    const { isProgressive } = this.#frame;
    const needsDc = from === 0 && highBit === 0;
    const needsAc = !isProgressive || from > 0;
    return components.map((component) => {
      const tables = { dc: dc[component.dc] ?? NO_TABLE, ac: ac[component.ac] ?? NO_TABLE };
      if ((needsDc && tables.dc === NO_TABLE) || (needsAc && tables.ac === NO_TABLE))
        throw invalidPicture('is damaged: a Huffman table is missing', 'a whole JPEG');
      const { store } = this.#planes[component.index]!;
      return { store, ...tables, from, to, lowBit, predicted: 0, nEmpty: 0 };
    });
  }

  #isTurn(nBlock: number): boolean {
    this.#nBlock += nBlock;
    if (this.#nBlock < TURN_BLOCKS) return false;
    this.#nBlock = 0;
    return true;
  }
}

const NO_TABLE = {
  lookup: new Uint16Array(512),
  maxCode: new Int32Array(17).fill(-1),
  firstIndex: new Int32Array(17),
  symbols: new Uint8Array(0),
};

/** Counts units, and begins again where the file says so. */
class Restarts {
  readonly #interval: number;
  readonly #states: readonly BlockState[];
  readonly #bits: ScanBits;
  #nUnit = 0;
  #nRestart = 0;

  constructor(interval: number, states: readonly BlockState[], bits: ScanBits) {
    this.#interval = interval;
    this.#states = states;
    this.#bits = bits;
  }

  /** Before each unit. */
  next(): void {
    if (this.#interval === 0) return;
    if (this.#nUnit++ < this.#interval) return;
    this.#nUnit = 1;
    this.#bits.restart(this.#nRestart++);
    for (const state of this.#states) state.predicted = state.nEmpty = 0;
  }
}

function decoderOf({ isProgressive }: Frame, { from, highBit }: Scan): DecodeBlock {
  if (!isProgressive) return sequentialBlock;
  if (from === 0) return highBit === 0 ? firstDc : refinedDc;
  return highBit === 0 ? firstAc : refinedAc;
}

function writeBlocks(
  { component, side, nAcross, store, pixels, multipliers }: Plane,
  unit: number,
) {
  if (multipliers === null) throw cutOff();
  const transform = transformOf(side);
  const stride = nAcross * side;
  const first = unit * component.down * nAcross;
  for (let v = 0; v < component.down; v++)
    for (let x = 0; x < nAcross; x++) {
      const at = (first + v * nAcross + x) * side * side;
      transform(store.kept, at, multipliers, pixels, v * side * stride + x * side, stride);
    }
}

function scaled({ width, height }: Size, side: BlockSide): Size {
  return { width: Math.ceil((width * side) / 8), height: Math.ceil((height * side) / 8) };
}

function atMost(a: Size, b: Size): Size {
  return { width: Math.min(a.width, b.width), height: Math.min(a.height, b.height) };
}

/** The smallest that gives enough pixels, within the bound of memory. */
function chooseSide(frame: Frame, maxSide: number, isStreamed: boolean): BlockSide {
  const longest = Math.max(frame.width, frame.height);
  const wanted = Math.min(longest, NEAR_ENOUGH * maxSide);
  const isEnough = (side: BlockSide) => (longest * side) / 8 >= wanted;
  const enough = SIDES.findIndex(isEnough);
  for (const side of SIDES.slice(0, enough + 1).toReversed())
    if (isStreamed || storedBytes(frame, side) <= MAX_COEFFICIENT_BYTES) return side;
  return 1;
}

function storedBytes(frame: Frame, side: BlockSide): number {
  const bytes = frame.components.map((component) => {
    const own = sideOf(frame, component, side);
    return component.across * component.down * blockBytes(own, frame.isProgressive && own > 1);
  });
  return frame.nUnitAcross * frame.nUnitDown * bytes.reduce((sum, n) => sum + n, 0);
}

/** A coarser component is made as large as the picture, as far as its blocks go. */
function sideOf(frame: Frame, { across, down }: FrameComponent, side: BlockSide): BlockSide {
  const ratio = Math.min(frame.maxAcross / across, frame.maxDown / down);
  return SIDES.findLast((own) => own <= side * ratio) ?? side;
}
