/** A module bundled by itself, as text (scripts/build/web.ts): a worklet's script has an address of its own. */
declare module 'worklet:*' {
  const source: string;
  export default source;
}
