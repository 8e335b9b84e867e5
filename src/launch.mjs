// @ts-check
/**
 * What every script in package.json begins with: makes a fresh clone ready, then becomes its child in all but name.
 *
 * The only JavaScript here, because it has to run before anything else does: Node 20 cannot load TypeScript, and npm may be
 * told to ignore install scripts, after which `node_modules/.bin/bun` is a stub. It therefore imports nothing but node:.
 *
 * stdout belongs to the child. What npm and this file have to say goes to stderr.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');

/** Older ones have holes in their TLS, or cannot load TypeScript at all. */
const NODE_TO_SERVE = { major: 24, minor: 17 };
/** A real Bun is some 90 MB; what the package holds before its postinstall ran is a script of a few hundred bytes. */
const BUN_BYTES_MIN = 1_000_000;

/** @typedef {{ program: string, args: string[], env?: Record<string, string> }} Command */
/** @typedef {{ code: number | null, signal: NodeJS.Signals | null }} Ending */

/** @type {Record<string, (args: string[]) => Command>} */
const verbs = {
  start(args) {
    const { value: runtime, rest } = takeFlag(args, '--runtime');
    return onRuntime(runtime ?? process.env['PORTCULLIS_RUNTIME'] ?? 'bun', 'src/main.ts', rest);
  },
  bench: (args) => onRuntime('bun', 'bench/main.ts', args),
  attacks: (args) => onRuntime('bun', 'test/attacks/main.ts', args),
  fuzz: (args) => onRuntime('bun', 'test/fuzz/main.ts', args),
  test: (args) => vitest(['unit', 'smoke'], args),
  e2e: (args) => vitest(['e2e'], args),
  differential: (args) => vitest(['differential'], args),
  typecheck: (args) => tool('tsc', ['-p', root, ...args]),
  lint: (args) => tool('biome', ['check', '--error-on-warnings', ...biomeTargets(), ...args]),
  format: (args) => tool('biome', ['check', '--write', ...biomeTargets(), ...args]),
  knip: (args) => tool('knip', ['--directory', root, '--config', join('.ci', 'knip.jsonc'), ...args]),
};

await main(process.argv.slice(2));

/** @param {string[]} argv */
async function main([name, ...args]) {
  const verb = name !== undefined && Object.hasOwn(verbs, name) ? verbs[name] : undefined;
  if (verb === undefined) refuse(`unknown script '${name ?? ''}', known are: ${Object.keys(verbs).join(' ')}`);
  await installIfNeeded();
  endAs(await run(verb(args)));
}

// -- Commands ----------------------------------------------------------------------------------------------------------

/**
 * @param {string} runtime
 * @param {string} file
 * @param {string[]} args
 * @returns {Command}
 */
function onRuntime(runtime, file, args) {
  const path = join(root, file);
  if (!existsSync(path)) refuse(`${file} is not there`);
  switch (runtime) {
    case 'bun':
      // Bun would otherwise read an .env of the current folder, fetch packages it cannot find, and hold the port after a
      // kill -9 of this process.
      return { program: findBun(), args: ['--no-orphans', '--no-env-file', '--no-install', path, ...args] };
    case 'node':
      return { program: findNode(), args: [path, ...args] };
    default:
      return refuse(`--runtime is bun or node, not '${runtime}'`);
  }
}

/**
 * `--runtime` and `--shards` choose what the tests start; they travel as the environment of the servers started.
 * @param {string[]} projects
 * @param {string[]} args
 * @returns {Command}
 */
function vitest(projects, args) {
  const { value: runtime, rest: afterRuntime } = takeFlag(args, '--runtime');
  const { value: shards, rest } = takeFlag(afterRuntime, '--shards');
  const selected = projects.map((project) => `--project=${project}`);
  return {
    ...tool('vitest', ['run', '--root', root, '--config', join(root, '.ci', 'vitest.config.ts'), ...selected, ...rest]),
    env: {
      ...(runtime === undefined ? {} : { PORTCULLIS_RUNTIME: runtime }),
      ...(shards === undefined ? {} : { PORTCULLIS_SHARDS: shards }),
    },
  };
}

/**
 * @param {string} name
 * @param {string[]} args
 * @returns {Command}
 */
function tool(name, args) {
  return { program: process.execPath, args: [join(modules, '.bin', name), ...args] };
}

function biomeTargets() {
  const targets = ['src', 'test', 'bench', '.ci', 'package.json', 'tsconfig.json'];
  const present = targets.map((target) => join(root, target)).filter((path) => existsSync(path));
  return [`--config-path=${join(root, '.ci', 'lint.jsonc')}`, ...present];
}

/**
 * Takes `--flag value` or `--flag=value` out of the arguments; of several the last one counts.
 * @param {string[]} args
 * @param {string} flag
 */
function takeFlag(args, flag) {
  /** @type {string | undefined} */
  let value;
  /** @type {string[]} */
  const rest = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    if (arg === flag) value = args[++i] ?? refuse(`${flag} needs a value`);
    else if (arg.startsWith(`${flag}=`)) value = arg.slice(flag.length + 1);
    else rest.push(arg);
  }
  return { value, rest };
}

// -- Runtimes ----------------------------------------------------------------------------------------------------------

function findBun() {
  const scope = join(modules, '@oven');
  const wanted = `bun-${process.platform}-${process.arch === 'arm64' ? 'aarch64' : process.arch}`;
  const installed = existsSync(scope) ? readdirSync(scope).filter((name) => isVariantOf(name, wanted)) : [];
  const musl = process.platform === 'linux' && usesMusl();
  const fitting = installed.filter((name) => name.includes('-musl') === musl).sort(shortestFirst);
  const candidates = fitting.map((name) => join(scope, name, 'bin', 'bun'));
  candidates.push(join(modules, 'bun', 'bin', 'bun.exe'));
  const found = candidates.find((path) => existsSync(path) && statSync(path).size > BUN_BYTES_MIN);
  return (
    found ??
    refuse(
      `no Bun for ${process.platform} ${process.arch} among the installed packages: ` +
        'run npm ci --include=optional, or start with --runtime node on a Node that can serve',
    )
  );
}

/**
 * `bun-linux-x64` and its `-musl` and `-baseline` builds, but not `bun-linux-x64-android`.
 * @param {string} name
 * @param {string} wanted
 */
function isVariantOf(name, wanted) {
  if (!name.startsWith(wanted)) return false;
  const suffixes = name.slice(wanted.length).split('-').filter(Boolean);
  return suffixes.every((suffix) => suffix === 'musl' || suffix === 'baseline');
}

/**
 * @param {string} a
 * @param {string} b
 */
function shortestFirst(a, b) {
  return a.length - b.length;
}

/** Node names the glibc it runs on in its diagnostic report, and names none on musl. */
function usesMusl() {
  const report = process.report?.getReport();
  const header = typeof report === 'object' && report !== null && 'header' in report ? report.header : undefined;
  const names = typeof header === 'object' && header !== null ? Object.keys(header) : [];
  return names.length > 0 && !names.includes('glibcVersionRuntime');
}

/** PORTCULLIS_NODE, else the node that runs npm, else the one that runs this. */
function findNode() {
  const program = process.env['PORTCULLIS_NODE'] || process.env['npm_node_execpath'] || process.execPath;
  const version = spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout?.trim() ?? '';
  const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(version) ?? [];
  if (major === undefined) refuse(`${program} is not a Node that runs here`);
  const isOldMinor = Number(major) === NODE_TO_SERVE.major && Number(minor) < NODE_TO_SERVE.minor;
  if (Number(major) < NODE_TO_SERVE.major || isOldMinor) {
    refuse(
      `Node ${version} is too old to serve, it takes ${NODE_TO_SERVE.major}.${NODE_TO_SERVE.minor}: ` +
        'start without --runtime node, or set PORTCULLIS_NODE',
    );
  }
  return program;
}

// -- Installation ------------------------------------------------------------------------------------------------------

async function installIfNeeded() {
  if (isInstalled()) return;
  const npm = process.env['npm_execpath'];
  const viaNpm = npm !== undefined && /npm-cli\.c?js$/.test(npm);
  const args = ['ci', '--ignore-scripts', '--include=dev', '--include=optional', '--no-audit', '--no-fund'];
  const quiet = [...args, '--loglevel=error'];
  process.stderr.write('portcullis: installing packages, once\n');
  const ending = await run(
    { program: viaNpm ? process.execPath : 'npm', args: viaNpm ? [npm, ...quiet] : quiet },
    2,
    root,
  );
  if (ending.code !== 0) {
    process.stderr.write(`portcullis: npm ci failed in ${root}\n`);
    endAs(ending);
  }
}

/**
 * Does node_modules hold what the lockfile pins? Compared by content, package by package: a checkout or a copy moves file
 * times about, and a needless `npm ci` would pull the modules from under whatever is running.
 */
function isInstalled() {
  const wanted = lockedPackages(join(root, 'package-lock.json'));
  const present = lockedPackages(join(modules, '.package-lock.json'));
  if (wanted === undefined) refuse('package-lock.json is not there or cannot be read');
  if (present === undefined) return false;
  for (const [path, locked] of wanted) {
    if (path === '') continue;
    const held = present.get(path);
    if (
      held === undefined ? !locked.optional : held.version !== locked.version || held.integrity !== locked.integrity
    ) {
      return false;
    }
  }
  return true;
}

/**
 * @param {string} path
 * @returns {Map<string, { version?: string, integrity?: string, optional?: boolean }> | undefined}
 */
function lockedPackages(path) {
  try {
    return new Map(Object.entries(JSON.parse(readFileSync(path, 'utf8')).packages));
  } catch {
    return undefined;
  }
}

// -- The child ---------------------------------------------------------------------------------------------------------

/**
 * @param {Command} command
 * @param {'inherit' | number} stdout
 * @param {string} [cwd]
 * @returns {Promise<Ending>}
 */
function run({ program, args, env }, stdout = 'inherit', cwd = process.cwd()) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, stdio: ['inherit', stdout, 'inherit'], env: { ...process.env, ...env } });
    /** @type {NodeJS.Signals[]} */
    const forwarded = ['SIGTERM', 'SIGINT', 'SIGHUP'];
    /** @param {NodeJS.Signals} signal */
    const forward = (signal) => child.kill(signal);
    for (const signal of forwarded) process.on(signal, forward);
    child.once('error', (error) => refuse(`${relative(root, program) || program} did not start: ${error.message}`));
    child.once('exit', (code, signal) => {
      for (const name of forwarded) process.off(name, forward);
      resolve({ code, signal });
    });
  });
}

/**
 * Ends as the child ended, so that whoever waits for this process learns the truth: kill -9 stays kill -9.
 * @param {Ending} ending
 */
function endAs({ code, signal }) {
  if (signal === null) process.exit(code ?? 1);
  process.kill(process.pid, signal);
  // Reached only where the signal is ignored or slow: the shell's convention then says the same.
  setTimeout(() => process.exit(128 + (constants.signals[signal] ?? 0)), 1000);
}

/**
 * @param {string} message
 * @returns {never}
 */
function refuse(message) {
  process.stderr.write(`portcullis: ${message}\n`);
  process.exit(1);
}
