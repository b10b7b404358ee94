/** Types of complete-lockfile.mjs, which runs on any Node before packages are installed. */
export declare const UNWANTED_VERSION: string;
export declare function platformOfName(name: string): { os: string | null; cpu: string | null };
export declare function missingRows(
  lock: { packages: object },
  overrides: Readonly<Record<string, Readonly<Record<string, string>>>>,
): Record<string, object>;
