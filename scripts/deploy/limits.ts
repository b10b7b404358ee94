/**
 * The platform's limits on a Worker script, and how a bundle is measured against them.
 * Source: developers.cloudflare.com/workers/platform/limits, "Worker size".
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

export const PLANS = {
  free: { gzipBytes: 3 * 1024 * 1024 },
  paid: { gzipBytes: 10 * 1024 * 1024 },
} as const;
export const MAX_SCRIPT_BYTES = 64 * 1024 * 1024;

export interface BundleSize {
  readonly name: string;
  readonly files: readonly { readonly file: string; readonly bytes: number }[];
  readonly bytes: number;
  /** Each file compressed on its own, as an upload is. */
  readonly gzipBytes: number;
}

export function measureBundle(name: string, dir: string): BundleSize {
  const files = readdirSync(dir)
    .sort()
    .map((file) => ({ file, content: readFileSync(join(dir, file)) }));
  return {
    name,
    files: files.map(({ file, content }) => ({ file, bytes: content.byteLength })),
    bytes: files.reduce((sum, { content }) => sum + content.byteLength, 0),
    gzipBytes: files.reduce((sum, { content }) => sum + gzipSync(content).byteLength, 0),
  };
}

/** The limits a bundle exceeds, as messages; empty when there are none. */
export function brokenLimits(size: BundleSize, plan: keyof typeof PLANS): string[] {
  const broken: string[] = [];
  const { gzipBytes } = PLANS[plan];
  if (size.gzipBytes > gzipBytes) {
    broken.push(
      `${size.name}: ${size.gzipBytes} bytes compressed; the ${plan} plan allows ${gzipBytes}`,
    );
  }
  if (size.bytes > MAX_SCRIPT_BYTES) {
    broken.push(`${size.name}: ${size.bytes} bytes; the platform allows ${MAX_SCRIPT_BYTES}`);
  }
  return broken;
}
