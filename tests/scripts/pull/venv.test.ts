/** Python environments: made once for each content of a requirements file, finished after an interruption. */
import { existsSync, rmSync } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { findVenv, installVenv } from '../../../scripts/pull/venv.ts';
import { runTool } from '../../../scripts/lib/exec.ts';
import { temporaryFolder } from '../../support/models.ts';
import { hasPython } from '../../support/needs.ts';

const isThere = await hasPython();

test.skipIf(!isThere)(
  'an environment is made once for each content, and finished later',
  async () => {
    await using folder = await temporaryFolder();
    const requirements = join(folder.path, 'requirements.txt');
    const options = { root: join(folder.path, 'venvs') };
    // Nothing to download.
    await writeFile(requirements, '# nothing\n');
    expect(findVenv(requirements, options)).toBeNull();
    const python = await installVenv(requirements, options);
    expect(findVenv(requirements, options)).toBe(python);
    const { stdout } = await runTool(python, ['-c', 'import sys; print(sys.prefix)']);
    expect(stdout.trim()).toBe(dirname(dirname(python)));
    const stamp = join(dirname(dirname(python)), 'installed');
    const { mtimeMs } = await stat(stamp);
    expect(await installVenv(requirements, options)).toBe(python);
    expect((await stat(stamp)).mtimeMs).toBe(mtimeMs);

    rmSync(stamp);
    expect(findVenv(requirements, options)).toBeNull();
    expect(await installVenv(requirements, options)).toBe(python);
    expect(existsSync(stamp)).toBe(true);

    rmSync(python);
    expect(findVenv(requirements, options)).toBeNull();
    expect(await installVenv(requirements, options)).toBe(python);
    expect(findVenv(requirements, options)).toBe(python);

    await writeFile(requirements, '# nothing more\n');
    expect(findVenv(requirements, options)).toBeNull();
  },
);

test.skipIf(!isThere)("what pip refuses is told with pip's reason", async () => {
  await using folder = await temporaryFolder();
  const requirements = join(folder.path, 'requirements.txt');
  await writeFile(requirements, 'without-a-hash==1.0\n');
  const options = { root: join(folder.path, 'venvs') };
  await expect(installVenv(requirements, options)).rejects.toThrow(/-m pip install: .*hash/i);
  expect(findVenv(requirements, options)).toBeNull();
});
