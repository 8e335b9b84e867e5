/**
 * A package too heavy for everybody's `npm ci`, fetched by the test that wants it: once, into node_modules/.cache, at a
 * pinned version, without running its install scripts. Where the registry is not reached there is none, and its tests count as skipped.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './serve.ts';

const FETCH_MS_MAX = 120_000;

/** @returns the folder of the package, or why there is none */
export async function fetchedPackage(name: string, version: string): Promise<{ folder: string } | { missing: string }> {
  const cache = join(ROOT, 'node_modules', '.cache', 'portcullis');
  const kept = join(cache, `${name}-${version}`);
  const folder = join(kept, 'node_modules', name);
  if (existsSync(folder)) return { folder };
  mkdirSync(cache, { recursive: true });
  const fresh = mkdtempSync(join(cache, 'fetching-'));
  const said = await install(fresh, `${name}@${version}`);
  if (said !== undefined) {
    rmSync(fresh, { recursive: true, force: true });
    return { missing: `${name}@${version} was not fetched: ${said}` };
  }
  try {
    // All of it or nothing: a run that is killed leaves no half of a package under the name that is looked for.
    renameSync(fresh, kept);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
  return { folder };
}

/** @returns what npm had to say when it failed */
function install(prefix: string, wanted: string): Promise<string | undefined> {
  const flags = ['--no-save', '--ignore-scripts', '--omit=optional', '--no-audit', '--no-fund', '--loglevel=error'];
  // Left to itself npm tries for minutes before it gives up on a registry that is not there.
  flags.push('--fetch-retries=1', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=2000');
  const child = spawn('npm', ['install', '--prefix', prefix, ...flags, wanted], {
    cwd: prefix,
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: FETCH_MS_MAX,
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code) => resolve(code === 0 ? undefined : `npm ended with ${code}: ${said.slice(0, 500)}`));
  });
}
