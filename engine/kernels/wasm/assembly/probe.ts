// Called once after instantiation.
import { dot } from './simd';

/** First byte the kernels leave alone: everything below is their static data. */
export function heapBase(): usize {
  return __heap_base;
}

/**
 * 1 when `dot` gives exact pair sums over the operand range the products use (relaxed SIMD leaves
 * the second operand's high bit and the sum's saturation to the machine; both must not matter here).
 */
export function probeDot(): i32 {
  for (let x = -127; x <= 127; x++) {
    for (let w = 0; w <= 63; w++) {
      const sums = dot(i8x16.splat(<i8>x), i8x16.splat(<i8>w));
      if (
        i16x8.extract_lane_s(sums, 0) != <i16>(2 * x * w) ||
        i16x8.extract_lane_s(sums, 7) != <i16>(2 * x * w)
      )
        return 0;
    }
  }
  return 1;
}
