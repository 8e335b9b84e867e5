/** The servers side by side: us on each runtime, redis-server, and what people put in front of it for TLS. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../test/support/ports.ts';
import { ABUSER, type Chain, OPERATOR, OPERATOR_RULES, RULES, USER, writePolicies } from './policy.ts';
import { Child, findProgram, isListening, workspaceFolder } from './processes.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CLIENTS_MAX = 20_000;
/** Of HAProxy, which wants two files for each and refuses to start without. */
const PROXY_CONNECTIONS_MAX = 200;

export type ServerName = 'redis' | 'us' | 'us without policy' | 'us on Node' | 'haproxy+redis' | 'stunnel+redis';

export interface Server {
  readonly name: ServerName;
  /** Every process whose time and memory the server costs. */
  readonly pids: readonly number[];
  readonly tlsPort: number;
  /** 0 = none. */
  readonly plainPort: number;
  /** Where its files are, of those that have any. */
  readonly folder?: string;
  stop(): Promise<void>;
}

export interface Runtime {
  readonly name: 'us' | 'us on Node';
  readonly program: string;
  readonly flags: readonly string[];
}

/** As src/launch.mjs starts us. */
export function bunRuntime(profileFolder?: string): Runtime {
  const profile = profileFolder === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profileFolder];
  const flags = ['--no-orphans', '--no-env-file', '--no-install', ...profile];
  return { name: 'us', program: process.execPath, flags };
}

export function nodeRuntime(program: string): Runtime {
  return { name: 'us on Node', program, flags: [] };
}

/** Shared by all servers, so that every one of them does the same handshake. */
function certificatesFolder(): string {
  return join(workspaceFolder(), 'certs');
}

export function certificateAuthority(): string {
  return join(certificatesFolder(), 'ca.pem');
}

let started = 0;

function ownFolder(name: string): string {
  const folder = join(workspaceFolder(), `${name}-${started++}`);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** How a server keeps what it holds. What is not asked for is compared without a log on either side. */
export interface Keeping {
  readonly appendonly: boolean;
  readonly appendfsync: 'always' | 'everysec' | 'no';
  /** A folder with files of an earlier server. */
  readonly folder?: string;
}

const KEEPS_NOTHING: Keeping = { appendonly: false, appendfsync: 'everysec' };

export async function startUs(runtime: Runtime, keeping: Keeping = KEEPS_NOTHING, chain?: Chain): Promise<Server> {
  const folder = keeping.folder ?? ownFolder('us');
  const policies = join(folder, 'policies');
  writePolicies(policies, chain);
  const [tlsPort, plainPort] = [await freePort(), await freePort()];
  const ports = ['--tls-port', String(tlsPort), '--plain-port', String(plainPort)];
  const folders = ['--data', join(folder, 'data'), '--policies', policies, '--certs', certificatesFolder()];
  const kept = ['--appendonly', keeping.appendonly ? 'yes' : 'no', '--appendfsync', keeping.appendfsync];
  const file = join(ROOT, 'src/main.ts');
  const child = new Child('us', runtime.program, [...runtime.flags, file, ...ports, ...folders, ...kept]);
  await child.until(() => child.log.includes('"msg":"READY"'), 'served');
  return { name: runtime.name, pids: [child.pid], tlsPort, plainPort, folder, stop: () => child.stop() };
}

/** Needs the certificates that our first start has made. */
export async function startRedis(keeping: Keeping = KEEPS_NOTHING): Promise<Server | undefined> {
  const program = findProgram('redis-server');
  if (program === undefined) return undefined;
  const folder = keeping.folder ?? ownFolder('redis');
  const [tlsPort, plainPort] = [await freePort(), await freePort()];
  const certificates = certificatesFolder();
  const lines = [
    'bind 127.0.0.1',
    `port ${plainPort}`,
    `tls-port ${tlsPort}`,
    `tls-ca-cert-file ${join(certificates, 'ca.pem')}`,
    `tls-cert-file ${join(certificates, 'server.pem')}`,
    `tls-key-file ${join(certificates, 'server.key')}`,
    'tls-auth-clients no',
    'save ""',
    `appendonly ${keeping.appendonly ? 'yes' : 'no'}`,
    `appendfsync ${keeping.appendfsync}`,
    `maxclients ${CLIENTS_MAX}`,
    `dir ${folder}`,
    'user default off',
    `user ${USER} ${RULES}`,
    `user ${ABUSER} ${RULES}`,
    `user ${OPERATOR} ${OPERATOR_RULES}`,
  ];
  const file = join(folder, 'redis.conf');
  writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  const child = new Child('redis', program, [file]);
  await child.until(async () => (await isListening(tlsPort)) && (await isListening(plainPort)), 'served');
  return { name: 'redis', pids: [child.pid], tlsPort, plainPort, folder, stop: () => child.stop() };
}

/** One thread: more of them share no work here, and would only cost HAProxy time. */
function haproxyFile(tlsPort: number, plainPort: number, certificate: string): string {
  return `global
  nbthread 1
  maxconn ${PROXY_CONNECTIONS_MAX}
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
frontend tls
  bind 127.0.0.1:${tlsPort} ssl crt ${certificate}
  default_backend redis
backend redis
  server redis 127.0.0.1:${plainPort}
`;
}

function stunnelFile(tlsPort: number, plainPort: number, certificates: string): string {
  return `foreground = yes
pid =
debug = 3
socket = l:TCP_NODELAY=1
socket = r:TCP_NODELAY=1
[redis]
accept = 127.0.0.1:${tlsPort}
connect = 127.0.0.1:${plainPort}
cert = ${join(certificates, 'server.pem')}
key = ${join(certificates, 'server.key')}
`;
}

/** HAProxy ends TLS, redis-server behind it speaks plain: both processes count. */
export async function startHaproxy(redis: Server): Promise<Server | undefined> {
  const program = findProgram('haproxy');
  if (program === undefined) return undefined;
  const folder = ownFolder('haproxy');
  const tlsPort = await freePort();
  const certificate = join(folder, 'both.pem');
  const parts = ['server.pem', 'server.key'].map((name) => readFileSync(join(certificatesFolder(), name), 'utf8'));
  writeFileSync(certificate, parts.join('\n'), { mode: 0o600 });
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(file, haproxyFile(tlsPort, redis.plainPort, certificate));
  const child = new Child('haproxy', program, ['-db', '-f', file]);
  return inFront('haproxy+redis', child, redis, tlsPort);
}

export async function startStunnel(redis: Server): Promise<Server | undefined> {
  const program = findProgram('stunnel4', 'stunnel');
  if (program === undefined) return undefined;
  const tlsPort = await freePort();
  const file = join(ownFolder('stunnel'), 'stunnel.conf');
  writeFileSync(file, stunnelFile(tlsPort, redis.plainPort, certificatesFolder()));
  const child = new Child('stunnel', program, [file]);
  return inFront('stunnel+redis', child, redis, tlsPort);
}

async function inFront(name: ServerName, child: Child, redis: Server, tlsPort: number): Promise<Server> {
  await child.until(() => isListening(tlsPort), 'served');
  return { name, pids: [child.pid, ...redis.pids], tlsPort, plainPort: 0, stop: () => child.stop() };
}
