/** A vision tower in this process: how long a square takes, on the clock and of the processor, and its memory plan. */
import process from 'node:process';
import { requireKind } from '../../../engine/manifest/manifest.ts';
import { towerRows } from '../../../engine/manifest/tower-config.ts';
import { obtainModel } from '../../dev/prepare.ts';
import { formatBytes } from '../../lib/progress.ts';
import { loadLocalTower } from '../../node-host/tower.ts';
import { formatSpread, spread } from '../report/statistics.ts';
import type { Spread } from '../report/statistics.ts';

export interface TowerBenchResult {
  readonly model: string;
  /** Rows that a square becomes. */
  readonly rows: number;
  /** Seconds a square. */
  readonly wall: Spread;
  /** The same of the processor, which other work beside it does not change. */
  readonly cpu: Spread;
  readonly weightBytes: number;
  readonly totalBytes: number;
}

export async function benchTower({
  model,
  rounds,
}: {
  readonly model: string;
  readonly rounds: number;
}): Promise<TowerBenchResult> {
  requireKind(await obtainModel(model), 'tower');
  const { engine } = await loadLocalTower(model);
  const { config, plan } = engine;
  const rgb = Uint8Array.from(
    { length: config.side * config.side * 3 },
    (_, i) => (i * 7 + (i >> 8) * 13) & 255,
  );
  await engine.show(rgb);
  const [wall, cpu]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    const [startMs, before] = [performance.now(), process.cpuUsage()];
    await engine.show(rgb);
    const { user, system } = process.cpuUsage(before);
    wall.push((performance.now() - startMs) / 1000);
    cpu.push((user + system) / 1e6);
  }
  return {
    ...{ model, rows: towerRows(config), wall: spread(wall), cpu: spread(cpu) },
    ...{ weightBytes: plan.regions.weights.bytes, totalBytes: plan.totalBytes },
  };
}

export function describeTower({
  model,
  rows,
  wall,
  cpu,
  weightBytes,
  totalBytes,
}: TowerBenchResult): string {
  return [
    `${model}: a square of ${rows} rows takes ${formatSpread(wall, 2)} s, ${formatSpread(cpu, 2)} s of the processor`,
    `memory: ${formatBytes(totalBytes)}, ${formatBytes(weightBytes)} of weights among them`,
    '',
  ].join('\n');
}
