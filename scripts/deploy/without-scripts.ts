/** A wrangler.toml without its bindings to scripts that are too large for a plan. */
/** Tables of bindings end at the next table or empty line. */
const BINDING = /\n\[\[durable_objects\.bindings\]\]\n(?:[^\n[]+\n)*?script_name = "([^"]+)"\n/g;

export function withoutBindings(toml: string, absent: readonly string[]): string {
  return toml.replaceAll(BINDING, (binding, script: string) =>
    absent.includes(script) ? '' : binding,
  );
}
