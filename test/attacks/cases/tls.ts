/** Group T, the running side: renegotiation, certificates replaced while clients connect, keys that do not work. */
import { spawn } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { ensureDevelopmentCertificates } from '../../../src/app/certificates.ts';
import { type AttackCase, attack, becomes, CaseSkipped, holds, matches, pause, same } from '../case.ts';
import type { World } from '../world.ts';

/** The catalogue's figures take a minute: PORTCULLIS_LONG=1. */
const IS_LONG = process.env['PORTCULLIS_LONG'] === '1';
const ROTATIONS = IS_LONG ? 100 : 20;
const CLIENTS = IS_LONG ? 200 : 50;
const ROTATION_MS = IS_LONG ? 600 : 0;
/** Others that have connected before the next certificate comes: all together more than there are clients. */
const HANDSHAKES_BETWEEN = Math.ceil(CLIENTS / ROTATIONS) + 1;
/**
 * Between two connections of one client, which together come to two hundred a second. The driver is one process with one
 * thread: on Bun one that does not keep up reads what came last first, and then it is its own handshakes that never end.
 */
const BETWEEN_MS = 5 * CLIENTS;
const FILES_MORE_MAX = 5;

interface Pair {
  readonly certificate: string;
  readonly key: string;
}

function pairIn(folder: string): Pair {
  return {
    certificate: readFileSync(join(folder, 'server.pem'), 'utf8'),
    key: readFileSync(join(folder, 'server.key'), 'utf8'),
  };
}

/** Sets of certificates, and the text of all their authorities. */
async function makeSets(count: number): Promise<{ pairs: readonly Pair[]; authorities: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-sets-'));
  const pairs: Pair[] = [];
  let authorities = '';
  for (let i = 0; i < count; i++) {
    const set = join(folder, String(i));
    await ensureDevelopmentCertificates(set);
    pairs.push(pairIn(set));
    authorities += readFileSync(join(set, 'ca.pem'), 'utf8');
  }
  rmSync(folder, { recursive: true });
  return { pairs, authorities };
}

/** As a person or a tool does it: each file in one move, then the signal. */
function put(world: World, { certificate, key }: Pair): void {
  const folder = join(world.folder, 'certs');
  for (const [name, text] of [
    ['server.pem', certificate],
    ['server.key', key],
  ] as const) {
    writeFileSync(join(folder, `.${name}`), text, { mode: 0o600 });
    renameSync(join(folder, `.${name}`), join(folder, name));
  }
  world.reload();
}

function fingerprint(certificate: string): string {
  return new X509Certificate(certificate).fingerprint256;
}

/** One handshake with every check on; the fingerprint of who answered. */
function handshake(
  world: World,
  authorities: string,
  secureContext = tls.createSecureContext({ ca: authorities }),
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port: world.port, servername: 'localhost', secureContext });
    socket.setTimeout(10_000, () => socket.destroy(new Error('no handshake in ten seconds')));
    socket.once('secureConnect', () => {
      const { fingerprint256 } = socket.getPeerCertificate();
      socket.destroy();
      resolve(fingerprint256);
    });
    socket.once('error', reject);
  });
}

async function rotate(world: World): Promise<void> {
  const original = pairIn(join(world.folder, 'certs'));
  const { pairs, authorities } = await makeSets(ROTATIONS);
  const trusted = world.ca + authorities;
  // A hundred authorities are read once: two hundred clients that each read them would be busy with nothing else.
  const context = tls.createSecureContext({ ca: trusted });
  await handshake(world, trusted);
  const files = world.openFiles();
  let isOver = false;
  let done = 0;
  const seen = new Set<string>();
  const failures: string[] = [];
  const clients = Array.from({ length: CLIENTS }, async (_, i) => {
    await pause((i * BETWEEN_MS) / CLIENTS);
    while (!isOver) {
      await handshake(world, trusted, context).then(
        (who) => {
          seen.add(who);
          done++;
        },
        (error: Error) => failures.push(error.message),
      );
      await pause(BETWEEN_MS);
    }
  });
  const served = async (pair: Pair) => (await handshake(world, trusted)) === fingerprint(pair.certificate);
  try {
    for (const [i, pair] of pairs.entries()) {
      put(world, pair);
      const before = done;
      holds(await becomes(() => served(pair)), `certificate ${i + 1} is not served`);
      await pause(ROTATION_MS);
      const more = () => done - before;
      holds(await becomes(() => more() >= HANDSHAKES_BETWEEN), `${more()} handshakes beside certificate ${i + 1}`);
    }
  } finally {
    isOver = true;
    await Promise.all(clients);
    put(world, original);
  }
  same(failures.join(', '), '', 'failed handshakes');
  holds(done > CLIENTS && seen.size > ROTATIONS / 2, `${done} handshakes met ${seen.size} certificates`);
  holds(await becomes(() => served(original)), 'the first certificate is not served again');
  const more = () => Math.abs(world.openFiles() - files);
  holds(await becomes(() => more() <= FILES_MORE_MAX), `${more()} descriptors more or less`);
}

/** Certificates and keys that cannot be used together; how they are called. */
async function uselessPairs(original: Pair): Promise<readonly (readonly [string, Pair])[]> {
  const { pairs } = await makeSets(1);
  const [other = original] = pairs;
  const encrypted = createPrivateKey(other.key).export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'swordfish',
  });
  return [
    ['the key of another certificate', { certificate: other.certificate, key: original.key }],
    ['the certificate of another key', { certificate: original.certificate, key: other.key }],
    ['an encrypted key', { certificate: other.certificate, key: String(encrypted) }],
    ['a key cut short', { certificate: other.certificate, key: other.key.slice(0, 100) }],
    ['no certificate', { certificate: 'nothing\n', key: other.key }],
    ['an empty key', { certificate: other.certificate, key: '' }],
    ['empty files', { certificate: '', key: '' }],
  ];
}

async function refuseUseless(world: World): Promise<void> {
  const original = pairIn(join(world.folder, 'certs'));
  const t1 = await world.as('t1');
  try {
    for (const [name, pair] of await uselessPairs(original)) {
      const place = world.logEnd;
      put(world, pair);
      const refused = () => world.logSince(place).filter((line) => line.includes('"event":"tls.refused"'));
      holds(await becomes(() => refused().length > 0), `${name}: no alert`);
      matches(refused()[0] ?? '', /"level":"error"/, `${name}: the alert`);
      const secret = pair.key.split('\n')[1]?.slice(0, 20);
      const isTold =
        secret !== undefined && secret !== '' && world.logSince(place).some((line) => line.includes(secret));
      holds(!isTold, `${name}: the key is in the log`);
      same(await handshake(world, world.ca), fingerprint(original.certificate), `${name}: the old one is served`);
    }
    same(await t1.ask('PING'), '+PONG\r\n', 'an open connection');
  } finally {
    put(world, original);
    t1.close();
  }
}

interface Spoken {
  readonly code: number | null;
  readonly text: string;
}

function speak(program: string, args: readonly string[], lines: readonly string[]): Promise<Spoken | undefined> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
    });
    child.stdin.on('error', () => {});
    child.once('error', () => resolve(undefined));
    const timers = lines.map((line, i) => setTimeout(() => child.stdin.write(line), 300 + 100 * i));
    timers.push(setTimeout(() => child.kill('SIGKILL'), 5000));
    child.once('close', (code) => {
      for (const timer of timers) clearTimeout(timer);
      resolve({ code, text });
    });
  });
}

async function renegotiate(world: World): Promise<void> {
  const at = ['s_client', '-connect', `127.0.0.1:${world.port}`, '-servername', 'localhost', '-tls1_2', '-msg'];
  const plain = await speak('openssl', at, ['Q\n']);
  if (plain === undefined) throw new CaseSkipped('openssl is not installed');
  const handshakes = (text: string) => text.match(/^<<< .*ServerHello$/gm)?.length ?? 0;
  same(handshakes(plain.text), 1, 'handshakes of a quiet client');
  const spentBefore = world.processorSeconds();
  const insisting = await speak('openssl', at, new Array<string>(10).fill('R\n').concat('Q\n'));
  const text = insisting?.text ?? '';
  matches(text, /RENEGOTIATING/, 'what the client did');
  same(handshakes(text), 1, 'handshakes of a client that asks for more');
  matches(text, /no.renegotiation|closed|unexpected eof|:error:/i, 'what the client was told');
  const spent = world.processorSeconds() - spentBefore;
  if (world.options.timed) holds(spent < 1, `${spent.toFixed(2)} s of processor time`);
  const t1 = await world.as('t1');
  same(await t1.ask('PING'), '+PONG\r\n', 'others');
  t1.close();
}

export const tlsCases: readonly AttackCase[] = [
  attack(
    'T50',
    'a client that asks for one handshake after another',
    { none: 'the library of TLS says no, and is not told apart from a client that goes' },
    renegotiate,
  ),
  attack('T53', `${ROTATIONS} new certificates while ${CLIENTS} clients connect`, ['success: tls-replaced'], rotate),
  attack('T54', 'certificates and keys that do not work', ['failure: tls-refused'], refuseUseless),
];
