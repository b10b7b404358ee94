// Tokens of a tile as types: offsetof<Three>() is 3, a constant where an instruction needs one.

// @ts-ignore: decorator
@unmanaged
export class One {
  a: u8;
}
// @ts-ignore: decorator
@unmanaged
export class Two {
  a: u8;
  b: u8;
}
// @ts-ignore: decorator
@unmanaged
export class Three {
  a: u8;
  b: u8;
  c: u8;
}
// @ts-ignore: decorator
@unmanaged
export class Four {
  a: u8;
  b: u8;
  c: u8;
  d: u8;
}

/**
 * Panels that a tile of tokens goes through before the next tile does. One panel at a time
 * would break the stream from memory: the next panel would begin with a wait. The activations of the
 * tile stay in the first cache meanwhile.
 */
export const PANELS_TOGETHER: i32 = 16;
