/** Types of packages.mjs, which is plain JavaScript because it runs before TypeScript can. */
import type { ChildProcess } from 'node:child_process';

export declare const repoRoot: string;
export declare const MIN_NODE_MAJOR: number;
export declare function missingPackages(options: { root?: string; withDev: boolean }): string[];
export declare function findProjectNode(root?: string): string | null;
export declare function projectNodeVersion(root?: string): string | null;
export declare function installPackages(options: {
  root?: string;
  withDev: boolean;
  nMissing: number;
  print: (text: string) => void;
}): Promise<number>;
export declare function forwardSignals(child: ChildProcess): () => boolean;
export declare function runTypeScript(
  file: string,
  args: readonly string[],
  root?: string,
): Promise<void>;
