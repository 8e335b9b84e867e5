/** Policy files that are there for a moment. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { becomes, holds } from './case.ts';
import type { World } from './world.ts';

/**
 * Puts a file of the policies folder there, or lines behind those of one that is there already; has it read, gives what was
 * logged until it was taken or refused, and makes everything as it was.
 */
export async function saidOf(world: World, name: string, text: string): Promise<readonly string[]> {
  const path = join(world.folder, 'policies', name);
  const before = textOf(path);
  const place = world.logEnd;
  const lines = () => world.logSince(place).filter((line) => line.includes('"event":"policy.'));
  writeFileSync(path, (before ?? '') + text);
  world.reload();
  try {
    holds(await becomes(() => lines().some(isVerdict)), `nothing is said of ${text}`);
    return lines();
  } finally {
    const after = world.logEnd;
    if (before === undefined) rmSync(path);
    else writeFileSync(path, before);
    world.reload();
    await becomes(() => world.logSince(after).some((line) => /"event":"policy\.(?:unchanged|reloaded)"/.test(line)));
  }
}

/** Undefined: there is no such file. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function isVerdict(line: string): boolean {
  return /"event":"policy\.(?:refused|reloaded)"/.test(line);
}

/** The number of the line that would come behind those of gateway.yaml. */
export function lineBehindGateway(world: World): number {
  return readFileSync(join(world.folder, 'policies', 'gateway.yaml'), 'utf8').split('\n').length;
}
