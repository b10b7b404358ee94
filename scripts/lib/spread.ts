/** At most n of them, evenly from first to last. */
export function spreadOver<T>(all: readonly T[], n: number): T[] {
  const most = Math.min(n, all.length);
  return Array.from({ length: most }, (_, i) => all[Math.floor((i * all.length) / most)]!);
}
