/**
 * Processes that a run starts: what each of them costs, and that none of them outlives the run. Linux only, as the figures
 * come from /proc.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';

const START_MS_MAX = 30_000;
const STOP_MS_MAX = 15_000;
const LOG_TAIL_CHARACTERS = 2_000;
/** USER_HZ: Linux shows times in /proc in hundredths of a second on every architecture Bun runs on. */
const TICKS_PER_SECOND = 100;

const running = new Set<Child>();
let workspace: string | undefined;

/** The temporary folder of this run: policies, certificates, data, logs. */
export function workspaceFolder(): string {
  workspace ??= mkdtempSync(join(tmpdir(), 'portcullis-bench-'));
  return workspace;
}

/** The end of everything that was started, for the way out that cannot wait. */
export function endEverything(): void {
  for (const child of running) child.kill('SIGKILL');
  running.clear();
  if (workspace !== undefined) rmSync(workspace, { recursive: true, force: true });
  workspace = undefined;
}

export class Child {
  readonly pid: number;
  private readonly name: string;
  private readonly process: ChildProcess;
  private readonly logPath: string;

  /** Output goes to a file: a pipe would have this process work for the measured one. */
  constructor(name: string, program: string, args: readonly string[]) {
    this.name = name;
    this.logPath = join(workspaceFolder(), `${name}-${process.hrtime.bigint()}.log`);
    const log = openSync(this.logPath, 'a', 0o600);
    // The first line that we print on stdout may hold a password.
    this.process = spawn(program, args, {
      cwd: workspaceFolder(),
      stdio: ['ignore', 'ignore', log],
      env: environment(),
    });
    closeSync(log);
    this.process.once('error', () => undefined);
    this.pid = this.process.pid ?? 0;
    running.add(this);
  }

  get alive(): boolean {
    return this.pid !== 0 && this.process.exitCode === null && this.process.signalCode === null;
  }

  get log(): string {
    return readFileSync(this.logPath, 'utf8');
  }

  kill(signal: NodeJS.Signals): void {
    if (this.alive) this.process.kill(signal);
  }

  async until(holds: () => Promise<boolean> | boolean, what: string): Promise<void> {
    const deadline = Date.now() + START_MS_MAX;
    while (!(await holds())) {
      if (!this.alive)
        throw new Error(`${this.name} ended before it ${what}:\n${this.log.slice(-LOG_TAIL_CHARACTERS)}`);
      if (Date.now() > deadline) throw new Error(`${this.name} has not ${what} in time`);
      await pause(30);
    }
  }

  async stop(): Promise<void> {
    if (this.alive) {
      const ended = new Promise((resolve) => this.process.once('exit', resolve));
      const timer = setTimeout(() => this.kill('SIGKILL'), STOP_MS_MAX);
      this.kill('SIGTERM');
      await ended;
      clearTimeout(timer);
    }
    running.delete(this);
  }
}

/** What the shell has set for a server of its own must not change the measured one. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PORTCULLIS_')));
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Before memory is read: a collector that runs when there is nothing else to do gives back a start's leftovers by then. */
export const SETTLE_MS = 15_000;

export function settle(): Promise<void> {
  return pause(SETTLE_MS);
}

export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function confine(pids: readonly number[], cores: string): boolean {
  return pids.every((pid) => spawnSync('taskset', ['-apc', cores, String(pid)]).status === 0);
}

/** These processes on the first core and all that asks them on the second, while `work` goes on; told whether that could be done. */
export async function apart<Value>(
  pids: readonly number[],
  work: (isApart: boolean) => Promise<Value>,
): Promise<Value> {
  const isApart = cpus().length > 1 && confine(pids, '0') && confine([process.pid], '1');
  try {
    return await work(isApart);
  } finally {
    confine([...pids, process.pid], `0-${cpus().length - 1}`);
  }
}

/** Debian keeps daemons in /usr/sbin, which is not in everybody's PATH. */
export function findProgram(...names: readonly string[]): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin'];
  for (const name of names) {
    const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The first line of what a program says about its version. */
export function versionOf(program: string, flag: string): string {
  const { stdout, stderr } = spawnSync(program, [flag], { encoding: 'utf8' });
  const lines = `${stdout}\n${stderr}`.split('\n').map((line) => line.trim());
  return lines.find((line) => /\d+\.\d+/.test(line)) ?? 'unknown';
}

/** User and system time of the processes, threads that have ended included. */
export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    // The name of the program stands in brackets and may hold blanks.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks / TICKS_PER_SECOND;
}

export function residentBytes(pids: readonly number[]): number {
  let bytes = 0;
  for (const pid of pids) {
    const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    bytes += 1024 * Number(kilobytes ?? 0);
  }
  return bytes;
}

/** Files a process of this run may have open. */
export function openFilesMax(): number {
  const [, soft] = /Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  return Number(soft ?? 1024);
}
