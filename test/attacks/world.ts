/**
 * The world an attack happens in: one started process, its tenants, the users of the catalogue, and a second tenant whose
 * data must stay what it is.
 *
 * Users: `anon` (nobody), `t1` (own keys, no dangerous commands), `t1x` (the same keys, carelessly `+@all`), `t1w` (all keys
 * of the tenant, the same), `t2`, `ro` (reads only), `mon` (INFO and the like), `admin` (operator), `limited` (of a tenant with a thousand commands a second),
 * `bounded` (the same for the user itself, and five connections), `patient` (whose commands wait instead), `evictor` (a
 * budget of 4 MB that evicts).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../support/ports.ts';
import { PASSWORD } from './password.ts';
import { type Where, Wire } from './wire.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const START_WAIT_MS = 30_000;
const STOP_WAIT_MS = 10_000;
/** Of /proc on every Linux there is. */
const CLOCK_TICKS_PER_SECOND = 100;
const LINES_KEPT = 20_000;

export function hashOf(password: string): string {
  return createHash('sha256').update(password).digest('hex');
}

const HASH = hashOf(PASSWORD);

function tenantFile(name: string, users: readonly (readonly [string, string, string?])[], budget: string): string {
  const lines = users.map(
    ([user, rules, own = '{}']) => `  - { name: ${user}, acl: 'on #${HASH} ${rules}', budget: ${own} }`,
  );
  return `tenant: ${name}\nusers:\n${lines.join('\n')}\nbudget: ${budget}\n`;
}

const OWN = '~t1:* &t1:*';

/** From here a thousand commands and twenty new connections a second; from other addresses of loopback as many as one likes. */
export const SLOW_ADDRESS = '127.0.0.146';
const EXEMPT = '[127.0.0.0/25, 127.0.0.128/28, 127.0.0.144/31, 127.0.0.147, "::1"]';
const SLOWLY = '{ commands_per_second: 1000, connections_per_second: 20 }';
export const GATEWAY_POLICY = `limits: { authentication_timeout: 5, per_ip_exempt: ${EXEMPT}, address: ${SLOWLY} }\n`;
/** Behind whatever else gateway.yaml says. */
const AUDIT_POLICY = 'audit: { sink: file, keys: names }\n';
export const EVICTING_BYTES = 4_194_304;

function writePolicies(folder: string, gateway: string): void {
  mkdirSync(join(folder, 'tenants'), { recursive: true });
  writeFileSync(join(folder, 'gateway.yaml'), gateway);
  const t1: readonly (readonly [string, string])[] = [
    ['t1', `${OWN} +@all -@admin -@dangerous`],
    ['t1x', `${OWN} +@all`],
    ['t1w', '~* &* +@all'],
    ['ro', '%R~t1:* +@all'],
    ['mon', '+@all -@write'],
  ];
  const budget = '{ memory: 64mb, policy: noeviction, connections: 50, commands_per_second: 1000000 }';
  writeFileSync(join(folder, 'tenants', 'one.yaml'), tenantFile('one', t1, budget));
  writeFileSync(join(folder, 'tenants', 'two.yaml'), tenantFile('two', [['t2', '~* &* +@all']], '{ memory: 64mb }'));
  const slow = '{ memory: 16mb, commands_per_second: 1000 }';
  writeFileSync(join(folder, 'tenants', 'slow.yaml'), tenantFile('slow', [['limited', '~* +@all']], slow));
  const own = '{ commands_per_second: 1000, connections: 5 }';
  const late = '{ commands_per_second: 1000, burst: 0.1, mode: delay }';
  const bounded: readonly (readonly [string, string, string])[] = [
    ['bounded', '~* +@all', own],
    ['patient', '~* +@all', late],
  ];
  writeFileSync(join(folder, 'tenants', 'bounded.yaml'), tenantFile('bounded', bounded, '{ memory: 16mb }'));
  const evicting = `{ memory: ${EVICTING_BYTES}, policy: allkeys-lru }`;
  writeFileSync(join(folder, 'tenants', 'small.yaml'), tenantFile('small', [['evictor', '~* +@all']], evicting));
}

export interface WorldOptions {
  readonly runtime: string;
  readonly shards: number;
  /** Whether the time limits of the catalogue count. */
  readonly timed: boolean;
  /** What gateway.yaml says, where a case needs a process of its own. */
  readonly gateway?: string;
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** What lies in the data folder before the start: paths in it, and a character per byte. */
  readonly files?: Readonly<Record<string, string>>;
  /** Files of the certificates folder, and of policies/tenants, that are there from the start. */
  readonly beside?: Readonly<Record<string, string>>;
  readonly tenants?: Readonly<Record<string, string>>;
}

interface Ports {
  readonly port: number;
  readonly plainPort: number;
}

/** Lines of a stream: whatever pieces it comes in, a line is given once it is whole. */
class Lines {
  readonly all: string[] = [];
  /** How many came before the first one kept. */
  dropped = 0;
  private rest = '';

  take(text: string): void {
    const parts = (this.rest + text).split('\n');
    this.rest = parts.pop() ?? '';
    for (const line of parts) if (line !== '') this.all.push(line);
    if (this.all.length > LINES_KEPT) this.dropped += this.all.splice(0, LINES_KEPT / 2).length;
  }
}

/** Takes the log of a process just started, for as long as it lives; comes back when it is ready. */
function untilReady(child: ChildProcess): Promise<Lines> {
  const lines = new Lines();
  const decoder = new TextDecoder();
  return new Promise((resolve, reject) => {
    const failed = (what: string) => {
      child.kill('SIGKILL');
      reject(new Error(`${what}:\n${lines.all.join('\n')}`));
    };
    const timer = setTimeout(() => failed('not ready in time'), START_WAIT_MS);
    const exited = (code: number | null) => failed(`ended with ${code}`);
    child.once('exit', exited);
    let isReady = false;
    child.stderr?.on('data', (chunk: Buffer) => {
      lines.take(decoder.decode(chunk, { stream: true }));
      if (isReady || !lines.all.some((line) => line.includes('"msg":"READY"'))) return;
      isReady = true;
      clearTimeout(timer);
      child.off('exit', exited);
      resolve(lines);
    });
  });
}

export class World {
  readonly port: number;
  readonly plainPort: number;
  readonly ca: string;
  readonly folder: string;
  readonly options: WorldOptions;
  private readonly lines: Lines;
  private readonly child: ChildProcess;
  private readonly wires: Set<Wire> = new Set();
  private whenEnded = () => {};
  /** The audit trails of processes that were started beside this one and have ended. */
  readonly ended: string[] = [];

  private constructor(child: ChildProcess, options: WorldOptions, folder: string, ports: Ports, lines: Lines) {
    const { port, plainPort } = ports;
    this.child = child;
    this.options = options;
    this.lines = lines;
    this.folder = folder;
    this.port = port;
    this.plainPort = plainPort;
    this.ca = readFileSync(join(folder, 'certs', 'ca.pem'), 'utf8');
  }

  static async start(options: WorldOptions): Promise<World> {
    const folder = mkdtempSync(join(tmpdir(), 'portcullis-attacks-'));
    writePolicies(join(folder, 'policies'), (options.gateway ?? GATEWAY_POLICY) + AUDIT_POLICY);
    for (const [path, text] of Object.entries(options.files ?? {})) {
      mkdirSync(dirname(join(folder, 'data', path)), { recursive: true });
      writeFileSync(join(folder, 'data', path), text, 'latin1');
    }
    mkdirSync(join(folder, 'certs'), { recursive: true, mode: 0o700 });
    for (const [name, text] of Object.entries(options.beside ?? {})) writeFileSync(join(folder, 'certs', name), text);
    for (const [name, text] of Object.entries(options.tenants ?? {})) {
      writeFileSync(join(folder, 'policies', 'tenants', name), text);
    }
    const [port, plainPort] = [await freePort(), await freePort()];
    const flags = ['--tls-port', port, '--plain-port', plainPort, '--shards', options.shards];
    const folders = [
      '--data',
      join(folder, 'data'),
      '--policies',
      join(folder, 'policies'),
      '--certs',
      join(folder, 'certs'),
    ];
    const more = options.flags ?? [];
    const command = [
      'src/launch.mjs',
      'start',
      '--runtime',
      options.runtime,
      ...flags.map(String),
      ...folders,
      ...more,
    ];
    const child = spawn(process.env['PORTCULLIS_LAUNCH_NODE'] ?? 'node', command, {
      cwd: ROOT,
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...options.environment },
    });
    const lines = await untilReady(child);
    return new World(child, options, folder, { port, plainPort }, lines);
  }

  /** A process beside this one, for a case that needs its own. What its trail says is kept here. */
  async sibling(options: Partial<WorldOptions>): Promise<World> {
    const { runtime, shards, timed } = this.options;
    const own = await World.start({ runtime, shards, timed, ...options });
    own.whenEnded = () => this.ended.push(...own.auditSince(0));
    return own;
  }

  /** A connection without a name. */
  anon(from?: string): Promise<Wire> {
    return this.open({ port: this.port, tls: true, ca: this.ca, ...(from === undefined ? {} : { from }) });
  }

  /** The same with a certificate. */
  certified(pair: Where['pair'], more: Pick<Where, 'session' | 'maxVersion'> = {}): Promise<Wire> {
    return this.open({ port: this.port, tls: true, ca: this.ca, ...(pair === undefined ? {} : { pair }), ...more });
  }

  plain(from?: string): Promise<Wire> {
    return this.open({ port: this.plainPort, tls: false, ca: undefined, ...(from === undefined ? {} : { from }) });
  }

  private async open(where: Where): Promise<Wire> {
    const wire = await Wire.connect(where);
    this.wires.add(wire);
    wire.socket.once('close', () => this.wires.delete(wire));
    return wire;
  }

  /** What a case that failed half-way left open must not fail the next one. */
  closeAll(): void {
    for (const wire of this.wires) wire.close();
  }

  /** A connection that is logged in. */
  async as(user: string, protocol: 2 | 3 = 2, from?: string): Promise<Wire> {
    const wire = await this.anon(from);
    const password = user === 'admin' || user === 'app' ? this.secret(user) : PASSWORD;
    const answer = await wire.ask('HELLO', String(protocol), 'AUTH', user, password);
    if (answer.startsWith('-')) throw new Error(`${user} cannot log in: ${answer}`);
    return wire;
  }

  private secret(user: string): string {
    return readFileSync(join(this.folder, 'certs', `${user}.password`), 'utf8').trim();
  }

  /** The process that serves: the child of the launcher. */
  get pid(): number {
    const launcher = this.child.pid ?? 0;
    const children = readFileSync(`/proc/${launcher}/task/${launcher}/children`, 'utf8').trim();
    return children === '' ? launcher : Number(children.split(' ')[0]);
  }

  residentBytes(): number {
    const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'));
    return 1024 * Number(match?.[1] ?? 0);
  }

  /** What the process wrote on stderr, the newest lines of it. */
  get logs(): readonly string[] {
    return this.lines.all;
  }

  /** A place in the log, for `logSince`. */
  get logEnd(): number {
    return this.lines.dropped + this.lines.all.length;
  }

  logSince(place: number): readonly string[] {
    return this.lines.all.slice(Math.max(0, place - this.lines.dropped));
  }

  private auditText(): string {
    return readFileSync(join(this.folder, 'data', 'audit', 'audit.log'), 'latin1');
  }

  /** Lines of the audit trail that stand behind a place in it. */
  auditSince(place: number): readonly string[] {
    return this.auditText().slice(place).split('\n').slice(0, -1);
  }

  /** The place where the trail ends now. */
  get auditEnd(): number {
    return this.auditText().lastIndexOf('\n') + 1;
  }

  /** Descriptors that the process holds open. */
  openFiles(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  /** User and system time of the process so far. */
  processorSeconds(): number {
    const fields = readFileSync(`/proc/${this.pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND;
  }

  /** Has the files read again. */
  reload(): void {
    process.kill(this.pid, 'SIGHUP');
  }

  /** A number of INFO, as an operator sees it, or as `user` does. */
  async figure(name: string, user = 'admin'): Promise<number> {
    const wire = await this.as(user);
    const info = await wire.ask('INFO', 'everything');
    wire.close();
    return Number(new RegExp(`^${name}:(?:count=)?(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  }

  get alive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  async stop(): Promise<void> {
    if (this.alive) {
      const ended = new Promise((resolve) => this.child.once('exit', resolve));
      this.child.kill('SIGTERM');
      const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_WAIT_MS);
      await ended;
      clearTimeout(timer);
    }
    this.whenEnded();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
