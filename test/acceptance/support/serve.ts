/**
 * A started server, as a person starts it: through src/launch.mjs, on the runtime and with the shards that the environment
 * names (PORTCULLIS_RUNTIME, PORTCULLIS_NODE, PORTCULLIS_SHARDS), on free ports, with folders of its own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../support/ports.ts';

export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const START_MS_MAX = 40_000;
const STOP_MS_MAX = 20_000;
const LAST_WORDS_MS_MAX = 5_000;

export const PASSWORD = 'a password for tests';
const PASSWORD_HASH = createHash('sha256').update(PASSWORD).digest('hex');

export interface TenantFile {
  /** Name and ACL rules behind `on #hash`. */
  readonly users: readonly (readonly [name: string, rules: string])[];
  /** In YAML's flow form. */
  readonly budget?: string;
}

export interface ServeOptions {
  readonly flags?: readonly string[];
  readonly tenants?: Readonly<Record<string, TenantFile>>;
  readonly gateway?: string;
  /** Folder to use again, of an earlier start. */
  readonly folder?: string;
  readonly tlsPort?: number;
  readonly plainPort?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export function tenantYaml(name: string, { users, budget }: TenantFile): string {
  const lines = users.map(([user, rules]) => `  - { name: ${user}, acl: 'on #${PASSWORD_HASH} ${rules}' }\n`);
  return `tenant: ${name}\nusers:\n${lines.join('')}${budget === undefined ? '' : `budget: ${budget}\n`}`;
}

export class Serve {
  readonly folder: string;
  readonly tlsPort: number;
  readonly plainPort: number;
  readonly ended: Promise<Ending>;
  stdout: string;
  stderr: string;
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess, folder: string, tlsPort: number, plainPort: number) {
    this.child = child;
    this.folder = folder;
    this.tlsPort = tlsPort;
    this.plainPort = plainPort;
    this.stdout = '';
    this.stderr = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      this.stdout += chunk.toString();
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.ended = new Promise((resolve) => {
      // `close` comes when the last words have been read as well; a grandchild that holds on to the pipes must not delay it for ever.
      child.once('close', (code, signal) => resolve({ code, signal }));
      child.once('exit', (code, signal) => setTimeout(() => resolve({ code, signal }), LAST_WORDS_MS_MAX).unref());
    });
  }

  /** Starts the process and does not wait for it. */
  static async spawn(options: ServeOptions = {}): Promise<Serve> {
    const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'portcullis-'));
    const policies = join(folder, 'policies');
    mkdirSync(join(policies, 'tenants'), { recursive: true });
    if (options.gateway !== undefined) writeFileSync(join(policies, 'gateway.yaml'), options.gateway);
    for (const [name, tenant] of Object.entries(options.tenants ?? {})) {
      writeFileSync(join(policies, 'tenants', `${name}.yaml`), tenantYaml(name, tenant));
    }
    const tlsPort = options.tlsPort ?? (await freePort());
    const plainPort = options.plainPort ?? 0;
    const flags = ['--tls-port', String(tlsPort)];
    if (plainPort !== 0) flags.push('--plain-port', String(plainPort));
    flags.push('--data', join(folder, 'data'), '--policies', policies, '--certs', join(folder, 'certs'));
    const child = spawn(process.execPath, [join(ROOT, 'src/launch.mjs'), 'start', ...flags, ...(options.flags ?? [])], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.environment },
    });
    return new Serve(child, folder, tlsPort, plainPort);
  }

  /** Starts the process and waits until it serves. */
  static async start(options: ServeOptions = {}): Promise<Serve> {
    const serve = await Serve.spawn(options);
    // Two pipes: what was written first need not be read first.
    await serve.until(() => serve.stdout.includes('\n') && serve.stderr.includes('"msg":"READY"'), 'served');
    return serve;
  }

  async until(holds: () => boolean, what: string, within_ms = START_MS_MAX): Promise<void> {
    const deadline = Date.now() + within_ms;
    let end: Ending | undefined;
    void this.ended.then((ending) => {
      end = ending;
    });
    while (!holds()) {
      if (end !== undefined) throw new Error(`ended with ${end.code ?? end.signal} before it ${what}:\n${this.stderr}`);
      if (Date.now() > deadline) throw new Error(`not ${what} in time:\n${this.stderr.slice(-4000)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** What the process logged with this stable name. */
  events(name: string): Record<string, unknown>[] {
    // The line behind the last break may not be complete yet.
    return this.stderr
      .slice(0, this.stderr.lastIndexOf('\n') + 1)
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line))
      .filter((line) => line.event === name);
  }

  get ca(): string {
    return readFileSync(join(this.folder, 'certs', 'ca.pem'), 'utf8');
  }

  password(user: string): string {
    if (user !== 'app' && user !== 'admin') return PASSWORD;
    return readFileSync(join(this.folder, 'certs', `${user}.password`), 'utf8').trim();
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** SIGTERM, and how the process ended. */
  async stop(): Promise<Ending> {
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_MS_MAX);
    const ending = await this.ended;
    clearTimeout(timer);
    return ending;
  }

  /** Stops and forgets everything. */
  async dispose(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The server itself: the child of the launcher. */
  get pid(): number {
    const launcher = this.child.pid ?? 0;
    const [child] = readFileSync(`/proc/${launcher}/task/${launcher}/children`, 'utf8').trim().split(' ');
    return child === undefined || child === '' ? launcher : Number(child);
  }
}

export function writeTenant(serve: Serve, name: string, tenant: TenantFile): void {
  const path = join(serve.folder, 'policies', 'tenants', `${name}.yaml`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, tenantYaml(name, tenant));
}
