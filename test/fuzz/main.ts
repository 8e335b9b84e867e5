/**
 * `npm run fuzz`: throws made-up and spoiled bytes at everything that reads what strangers or files bring, and says with
 * which numbers an input can be made again. An input that fails is kept in test/fuzz/kept, where CI tries it from then on.
 *
 * Options: `--inputs N` of all targets together, `--seed S`, `--target NAME`, `--from I`. Each target has a process of its
 * own: one that hangs is ended from outside.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fuzz, type Target } from './target.ts';
import { TARGETS } from './targets.ts';

const INPUTS = 1_000_000;
const SLOWEST_MS = 2000;
const SILENT_MS_MAX = 60_000;
const PROGRESS_EVERY = 1024;
const KEPT = fileURLToPath(new URL('kept', import.meta.url));

const { values: options } = parseArgs({
  options: {
    inputs: { type: 'string', default: String(INPUTS) },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_007) },
    from: { type: 'string', default: '0' },
    target: { type: 'string' },
    inside: { type: 'boolean', default: false },
  },
});
const seed = Number(options.seed);
const chosen = TARGETS.filter(({ name }) => options.target === undefined || name === options.target);
const parts = chosen.reduce((sum, { share }) => sum + share, 0);

/** In a process of its own: progress on stdout, and an exit code. */
function inside(target: Target): number {
  const count = Number(options.inputs);
  const from = Number(options.from);
  const found = fuzz(target, seed, {
    from,
    count,
    slowest_ms: SLOWEST_MS,
    progress: (index) => {
      if (index % PROGRESS_EVERY === 0) console.log(`at ${index}`);
    },
  });
  if (found === undefined) return 0;
  mkdirSync(KEPT, { recursive: true });
  const file = join(KEPT, `${target.name.replaceAll(' ', '-')}.${seed}.${found.index}`);
  writeFileSync(file, found.input);
  console.log(`input ${found.index}, kept as ${file}: ${found.why}`);
  return 1;
}

/** What became of a target: undefined when all is well. */
function outside(target: Target, count: number): Promise<string | undefined> {
  const words = ['--inside', '--target', target.name, '--seed', String(seed), '--inputs', String(count)];
  const args = [fileURLToPath(import.meta.url), ...words, '--from', options.from];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  return new Promise((resolve) => {
    const hangs = () => child.kill('SIGKILL');
    let timer = setTimeout(hangs, SILENT_MS_MAX);
    child.stdout.on('data', (chunk: Buffer) => {
      clearTimeout(timer);
      timer = setTimeout(hangs, SILENT_MS_MAX);
      said = (said + chunk.toString()).slice(-20_000);
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      const last = said
        .trim()
        .split('\n')
        .filter((line) => !line.startsWith('at '))
        .join('\n');
      if (code === 0) resolve(undefined);
      else resolve(code === 1 ? last : `ended with ${code} behind ${said.trim().split('\n').at(-1)}`);
    });
  });
}

async function all(): Promise<number> {
  console.log(`seed ${seed}`);
  let failed = 0;
  for (const target of chosen) {
    const count = Math.ceil((Number(options.inputs) * target.share) / parts);
    const started_ms = performance.now();
    const why = await outside(target, count);
    const seconds = ((performance.now() - started_ms) / 1000).toFixed(0);
    if (why !== undefined) failed++;
    console.log(`${why === undefined ? 'ok  ' : 'FAIL'} ${target.name}: ${count} inputs in ${seconds} s ${why ?? ''}`);
  }
  return failed === 0 ? 0 : 1;
}

const [only] = chosen;
if (only === undefined) throw new Error(`no target is called ${options.target}`);
process.exitCode = options.inside ? inside(only) : await all();
