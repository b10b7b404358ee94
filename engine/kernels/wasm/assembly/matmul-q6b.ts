// y = W x for weights of 81 steps in bytes, d (q - 40), and activations of 51 steps: many tokens at a time.
//
// Bytes need no unpacking, and with |x| <= 51 and |q - 40| <= 40 the sixteen products of a lane stay
// within 32,640: a whole block sums up in i16, one instruction for sixteen products and one to add
// them. Sums are modulo 2^16 on the way: a lane begins with -40 x pair sums, 5 x the panel's.
// Scales are i16 against an f32 multiplier per row, as in matmul-q4.ts.
// Reference: matmulReference in engine/kernels/reference/matmul.ts.
import { dot, madd, put } from './simd';
import { BLOCK_BYTES } from './quantize';
import { Four, One, PANELS_TOGETHER, Three, Two } from './tile';

const FIVES = memory.data<u16>([5, 5, 5, 5, 5, 5, 5, 5], 16);

/** N tokens (tile.ts), all eight rows of a panel: a vector of activations serves both halves. */
// @ts-ignore: decorator
@inline
function tile<N>(w: usize, rows: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  const zero = f32x4.splat(0), fives = v128.load(FIVES);
  let a00 = zero, a01 = zero, a02 = zero, a03 = zero, a10 = zero, a11 = zero, a12 = zero, a13 = zero;
  for (let b = 0; b < nBlock; b++) {
    let v = i16x8.mul(v128.load(x, 128 * offsetof<N>()), fives);
    let i00 = v, i10 = v, i01 = zero, i11 = zero, i02 = zero, i12 = zero, i03 = zero, i13 = zero;
    if (offsetof<N>() > 1) { v = i16x8.mul(v128.load(x, 128 * offsetof<N>() + 16), fives); i01 = v; i11 = v; }
    if (offsetof<N>() > 2) { v = i16x8.mul(v128.load(x, 128 * offsetof<N>() + 32), fives); i02 = v; i12 = v; }
    if (offsetof<N>() > 3) { v = i16x8.mul(v128.load(x, 128 * offsetof<N>() + 48), fives); i03 = v; i13 = v; }
    let w0: v128, w1: v128;
    w0 = v128.load(w, 0); w1 = v128.load(w, 16);
    v = v128.load(x, 0 * offsetof<N>() + 0); i00 = i16x8.add(i00, dot(v, w0)); i10 = i16x8.add(i10, dot(v, w1));
    if (offsetof<N>() > 1) { v = v128.load(x, 0 * offsetof<N>() + 16); i01 = i16x8.add(i01, dot(v, w0)); i11 = i16x8.add(i11, dot(v, w1)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 0 * offsetof<N>() + 32); i02 = i16x8.add(i02, dot(v, w0)); i12 = i16x8.add(i12, dot(v, w1)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 0 * offsetof<N>() + 48); i03 = i16x8.add(i03, dot(v, w0)); i13 = i16x8.add(i13, dot(v, w1)); }
    w0 = v128.load(w, 32); w1 = v128.load(w, 48);
    v = v128.load(x, 16 * offsetof<N>() + 0); i00 = i16x8.add(i00, dot(v, w0)); i10 = i16x8.add(i10, dot(v, w1));
    if (offsetof<N>() > 1) { v = v128.load(x, 16 * offsetof<N>() + 16); i01 = i16x8.add(i01, dot(v, w0)); i11 = i16x8.add(i11, dot(v, w1)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 16 * offsetof<N>() + 32); i02 = i16x8.add(i02, dot(v, w0)); i12 = i16x8.add(i12, dot(v, w1)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 16 * offsetof<N>() + 48); i03 = i16x8.add(i03, dot(v, w0)); i13 = i16x8.add(i13, dot(v, w1)); }
    w0 = v128.load(w, 64); w1 = v128.load(w, 80);
    v = v128.load(x, 32 * offsetof<N>() + 0); i00 = i16x8.add(i00, dot(v, w0)); i10 = i16x8.add(i10, dot(v, w1));
    if (offsetof<N>() > 1) { v = v128.load(x, 32 * offsetof<N>() + 16); i01 = i16x8.add(i01, dot(v, w0)); i11 = i16x8.add(i11, dot(v, w1)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 32 * offsetof<N>() + 32); i02 = i16x8.add(i02, dot(v, w0)); i12 = i16x8.add(i12, dot(v, w1)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 32 * offsetof<N>() + 48); i03 = i16x8.add(i03, dot(v, w0)); i13 = i16x8.add(i13, dot(v, w1)); }
    w0 = v128.load(w, 96); w1 = v128.load(w, 112);
    v = v128.load(x, 48 * offsetof<N>() + 0); i00 = i16x8.add(i00, dot(v, w0)); i10 = i16x8.add(i10, dot(v, w1));
    if (offsetof<N>() > 1) { v = v128.load(x, 48 * offsetof<N>() + 16); i01 = i16x8.add(i01, dot(v, w0)); i11 = i16x8.add(i11, dot(v, w1)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 48 * offsetof<N>() + 32); i02 = i16x8.add(i02, dot(v, w0)); i12 = i16x8.add(i12, dot(v, w1)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 48 * offsetof<N>() + 48); i03 = i16x8.add(i03, dot(v, w0)); i13 = i16x8.add(i13, dot(v, w1)); }
    w0 = v128.load(w, 128); w1 = v128.load(w, 144);
    v = v128.load(x, 64 * offsetof<N>() + 0); i00 = i16x8.add(i00, dot(v, w0)); i10 = i16x8.add(i10, dot(v, w1));
    if (offsetof<N>() > 1) { v = v128.load(x, 64 * offsetof<N>() + 16); i01 = i16x8.add(i01, dot(v, w0)); i11 = i16x8.add(i11, dot(v, w1)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 64 * offsetof<N>() + 32); i02 = i16x8.add(i02, dot(v, w0)); i12 = i16x8.add(i12, dot(v, w1)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 64 * offsetof<N>() + 48); i03 = i16x8.add(i03, dot(v, w0)); i13 = i16x8.add(i13, dot(v, w1)); }
    w0 = v128.load(w, 160); w1 = v128.load(w, 176);
    v = v128.load(x, 80 * offsetof<N>() + 0); i00 = i16x8.add(i00, dot(v, w0)); i10 = i16x8.add(i10, dot(v, w1));
    if (offsetof<N>() > 1) { v = v128.load(x, 80 * offsetof<N>() + 16); i01 = i16x8.add(i01, dot(v, w0)); i11 = i16x8.add(i11, dot(v, w1)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 80 * offsetof<N>() + 32); i02 = i16x8.add(i02, dot(v, w0)); i12 = i16x8.add(i12, dot(v, w1)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 80 * offsetof<N>() + 48); i03 = i16x8.add(i03, dot(v, w0)); i13 = i16x8.add(i13, dot(v, w1)); }
    w0 = v128.load(w, 192); w1 = v128.load(w, 208);
    v = v128.load(x, 96 * offsetof<N>() + 0); i00 = i16x8.add(i00, dot(v, w0)); i10 = i16x8.add(i10, dot(v, w1));
    if (offsetof<N>() > 1) { v = v128.load(x, 96 * offsetof<N>() + 16); i01 = i16x8.add(i01, dot(v, w0)); i11 = i16x8.add(i11, dot(v, w1)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 96 * offsetof<N>() + 32); i02 = i16x8.add(i02, dot(v, w0)); i12 = i16x8.add(i12, dot(v, w1)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 96 * offsetof<N>() + 48); i03 = i16x8.add(i03, dot(v, w0)); i13 = i16x8.add(i13, dot(v, w1)); }
    w0 = v128.load(w, 224); w1 = v128.load(w, 240);
    v = v128.load(x, 112 * offsetof<N>() + 0); i00 = i16x8.add(i00, dot(v, w0)); i10 = i16x8.add(i10, dot(v, w1));
    if (offsetof<N>() > 1) { v = v128.load(x, 112 * offsetof<N>() + 16); i01 = i16x8.add(i01, dot(v, w0)); i11 = i16x8.add(i11, dot(v, w1)); }
    if (offsetof<N>() > 2) { v = v128.load(x, 112 * offsetof<N>() + 32); i02 = i16x8.add(i02, dot(v, w0)); i12 = i16x8.add(i12, dot(v, w1)); }
    if (offsetof<N>() > 3) { v = v128.load(x, 112 * offsetof<N>() + 48); i03 = i16x8.add(i03, dot(v, w0)); i13 = i16x8.add(i13, dot(v, w1)); }
    // Widened, the two halves of a row added, and times the scale of its block, in one instruction.
    v = v128.load(w, 256);
    w0 = i8x16.shuffle(v, v, 0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7);
    w1 = i8x16.shuffle(v, v, 8, 9, 8, 9, 10, 11, 10, 11, 12, 13, 12, 13, 14, 15, 14, 15);
    v = v128.load(x, 160 * offsetof<N>() + 0); a00 = madd(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(i00, w0)), v, a00); a10 = madd(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(i10, w1)), v, a10);
    if (offsetof<N>() > 1) { v = v128.load(x, 160 * offsetof<N>() + 16); a01 = madd(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(i01, w0)), v, a01); a11 = madd(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(i11, w1)), v, a11); }
    if (offsetof<N>() > 2) { v = v128.load(x, 160 * offsetof<N>() + 32); a02 = madd(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(i02, w0)), v, a02); a12 = madd(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(i12, w1)), v, a12); }
    if (offsetof<N>() > 3) { v = v128.load(x, 160 * offsetof<N>() + 48); a03 = madd(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(i03, w0)), v, a03); a13 = madd(f32x4.convert_i32x4_s(i32x4.dot_i16x8_s(i13, w1)), v, a13); }
    w += 272;
    x += BLOCK_BYTES * offsetof<N>();
  }
  const r0 = v128.load(rows), r1 = v128.load(rows, 16);
  put(y, f32x4.mul(r0, a00), add); put(y + 16, f32x4.mul(r1, a10), add);
  if (offsetof<N>() > 1) { put(y + ys, f32x4.mul(r0, a01), add); put(y + ys + 16, f32x4.mul(r1, a11), add); }
  if (offsetof<N>() > 2) { put(y + 2 * ys, f32x4.mul(r0, a02), add); put(y + 2 * ys + 16, f32x4.mul(r1, a12), add); }
  if (offsetof<N>() > 3) { put(y + 3 * ys, f32x4.mul(r0, a03), add); put(y + 3 * ys + 16, f32x4.mul(r1, a13), add); }
}

function four(w: usize, rows: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<Four>(w, rows, x, y, nBlock, ys, add);
}
function three(w: usize, rows: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<Three>(w, rows, x, y, nBlock, ys, add);
}
function two(w: usize, rows: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<Two>(w, rows, x, y, nBlock, ys, add);
}
function single(w: usize, rows: usize, x: usize, y: usize, nBlock: i32, ys: usize, add: i32): void {
  tile<One>(w, rows, x, y, nBlock, ys, add);
}

function tiles(w: usize, rows: usize, x: usize, y: usize, nPanel: i32, nBlock: i32, nTok: i32, ys: usize, add: i32): void {
  for (let p = 0; p < nPanel; p++) {
    if (nTok >= 4) four(w, rows, x, y, nBlock, ys, add);
    else if (nTok == 3) three(w, rows, x, y, nBlock, ys, add);
    else if (nTok == 2) two(w, rows, x, y, nBlock, ys, add);
    else single(w, rows, x, y, nBlock, ys, add);
    w += <usize>nBlock * 272;
    rows += 32;
    y += 32;
  }
}

/** One token: x is a tile of one; y gets 8 nPanel values (added to it when `add`). */
export function matmulQ6bOne(w: usize, rows: usize, x: usize, y: usize, nPanel: i32, nBlock: i32, add: i32): void {
  tiles(w, rows, x, y, nPanel, nBlock, 1, 0, add);
}
/** As matmulQ4Many in matmul-q4.ts. */
export function matmulQ6bMany(w: usize, rows: usize, x: usize, y: usize, nPanel: i32, nBlock: i32, nTok: i32, yStride: usize, add: i32): void {
  const ys = yStride << 2;
  const tileBytes = <usize>nBlock * BLOCK_BYTES * 4;
  for (let p = 0; p < nPanel; p += PANELS_TOGETHER) {
    const n = min(PANELS_TOGETHER, nPanel - p);
    let xt = x, yt = y;
    for (let left = nTok; left > 0; left -= 4) {
      tiles(w, rows, xt, yt, n, nBlock, left, ys, add);
      xt += tileBytes;
      yt += 4 * ys;
    }
    w += <usize>n * <usize>nBlock * 272;
    rows += <usize>n * 32;
    y += <usize>n * 32;
  }
}
