/** Group I: nobody but a balancer that policy names says where a client is, and no list means more than it seems to. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { binaryHeaderFrom } from '../../support/proxy-header.ts';
import { type AttackCase, attack, becomes, holds, matches, same } from '../case.ts';
import { encode, Wire } from '../wire.ts';
import { GATEWAY_POLICY, type World } from '../world.ts';

/** In no address of the suite. */
const CLAIMED = '10.66.77.88';
const HEADERS: readonly (readonly [string, Uint8Array])[] = [
  ['version 1', Buffer.from(`PROXY TCP4 ${CLAIMED} 127.0.0.1 4711 6380\r\n`)],
  ['version 2', binaryHeaderFrom(CLAIMED, 4711)],
];
const PEER = '127.0.0.91';

/** Everything that comes before the other side ends it; undefined when it does not. */
function answerUntilEnd(port: number, bytes: Uint8Array): Promise<string | undefined> {
  return new Promise((resolve) => {
    let answer: string | undefined = '';
    const socket = net.connect({ port, host: '127.0.0.1', localAddress: PEER }, () => socket.write(bytes));
    const timer = setTimeout(() => {
      answer = undefined;
      socket.destroy();
    }, 3000);
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1');
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(answer);
    });
  });
}

const BEHIND = Buffer.from(encode('PING'), 'latin1');

/** Version 1 is a command of RESP, so a word may come back before the end; TLS answers with an alert. */
async function isTurnedAway(own: World, port: number): Promise<void> {
  const place = own.logEnd;
  for (const [name, header] of HEADERS) {
    const answer = await answerUntilEnd(port, Buffer.concat([header, BEHIND]));
    holds(answer !== undefined, `${name}: it stays open`);
    holds(!/PONG|NOAUTH/.test(answer ?? ''), `${name}: it is answered with ${answer}`);
  }
  const lines = own.logSince(place);
  holds(!lines.some((line) => line.includes(CLAIMED)), 'the claimed address is in the log');
}

async function figure(admin: Wire, name: string): Promise<number> {
  return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(await admin.ask('INFO', 'gateway'))?.[1] ?? 0);
}

async function unasked(world: World): Promise<void> {
  const admin = await world.as('admin');
  for (const [port, counter] of [
    [world.plainPort, 'closed_cross_protocol'],
    [world.port, 'closed_handshake_failed'],
  ] as const) {
    const before = await figure(admin, counter);
    await isTurnedAway(world, port);
    same((await figure(admin, counter)) - before, HEADERS.length, counter);
  }
  holds(!(await admin.ask('CLIENT', 'LIST')).includes(CLAIMED), 'the claimed address is in CLIENT LIST');
  holds(!(await admin.ask('ACL', 'LOG')).includes(CLAIMED), 'the claimed address is in ACL LOG');
  admin.close();
}

/** The line of what is written behind the policy of the world. */
const LINE_BEHIND = GATEWAY_POLICY.split('\n').length + 1;

const TRUSTING = `listeners: { plain: { proxy_protocol: { from: [127.0.0.90] } } }\n${GATEWAY_POLICY}`;

async function distrusted(world: World): Promise<void> {
  const own = await world.sibling({ gateway: TRUSTING });
  try {
    const admin = await own.as('admin');
    const place = own.logEnd;
    await isTurnedAway(own, own.plainPort);
    same(await figure(admin, 'closed_proxy_untrusted'), HEADERS.length, 'closed_proxy_untrusted');
    matches(await admin.ask('INFO', 'gateway'), /^denied:proxy_untrusted=2\r?$/m, 'the reason');
    const lines = () => own.logSince(place).filter((line) => line.includes('"msg":"proxy_untrusted"'));
    holds(await becomes(() => lines().length > 0, 3000), 'nothing is logged');
    for (const line of lines()) holds(line.includes(`"address":"${PEER}"`), `the log has another address: ${line}`);
    const balancer = await Wire.connect({ port: own.plainPort, tls: false, ca: undefined, from: '127.0.0.90' });
    balancer.send(HEADERS[1]?.[1] ?? '');
    matches(await balancer.ask('PING'), /^-NOAUTH/, 'the balancer');
    matches(
      await admin.ask('CLIENT', 'LIST'),
      new RegExp(`addr=${CLAIMED.replaceAll('.', '\\.')}:4711 `),
      'its client',
    );
    balancer.close();
    admin.close();
  } finally {
    await own.stop();
  }
}

/** What becomes of one more line in gateway.yaml: the line of the log that says so. */
async function reloadedWith(world: World, text: string, event: RegExp): Promise<string> {
  const path = join(world.folder, 'policies', 'gateway.yaml');
  const before = readFileSync(path, 'utf8');
  const place = world.logEnd;
  const said = () => world.logSince(place).find((line) => event.test(line));
  try {
    writeFileSync(path, `${before}${text}`);
    world.reload();
    holds(await becomes(() => said() !== undefined), `nothing is said of ${text}`);
    return said() ?? '';
  } finally {
    writeFileSync(path, before);
    world.reload();
  }
}

const EVERYBODY = ['[0.0.0.0/0]', "['::/0']", '[]', '[10.0.0.1, 0.0.0.0/1, 128.0.0.0/1]', "['::ffff:0.0.0.0/96']"];

async function everybodyTrusted(world: World): Promise<void> {
  for (const listener of ['tls', 'plain']) {
    for (const list of EVERYBODY) {
      const text = `listeners: { ${listener}: { proxy_protocol: { from: ${list} } } }\n`;
      const line = await reloadedWith(world, text, /"event":"policy\.(?:refused|reloaded)"/);
      matches(line, new RegExp(`"event":"policy\\.refused".*gateway\\.yaml:${LINE_BEHIND}:\\d+: .*balancers`), text);
    }
  }
}

const NO_ADDRESSES = [
  '010.0.0.1',
  '10.1',
  '0x0a000001',
  '10.0.0.1\\n',
  '10.0.0.0/08',
  '10.0.0.0/33',
  '10.0.0.0/-1',
  '１0.0.0.1',
];

async function noAddresses(world: World): Promise<void> {
  for (const text of NO_ADDRESSES) {
    for (const place of ['admin: { addresses: ', 'listeners: { tls: { addresses: ']) {
      const closing = '}'.repeat(place.split('{').length - 1);
      const line = await reloadedWith(
        world,
        `${place}["${text}"] ${closing}\n`,
        /"event":"policy\.(?:refused|reloaded)"/,
      );
      matches(line, new RegExp(`"event":"policy\\.refused".*gateway\\.yaml:${LINE_BEHIND}:\\d+: `), `${place}${text}`);
    }
  }
}

async function hostBits(world: World): Promise<void> {
  const path = join(world.folder, 'policies', 'tenants', 'wide.yaml');
  const place = world.logEnd;
  try {
    writeFileSync(path, 'tenant: wide\naddresses: [10.1.2.3/8]\n');
    world.reload();
    const note = () =>
      world.logSince(place).some((line) => line.includes('tenants/wide.yaml:2:13: 10.1.2.3/8 is read as 10.0.0.0/8'));
    holds(await becomes(note), 'nothing is said of it');
  } finally {
    rmSync(path, { force: true });
    world.reload();
  }
}

export const proxyCases: readonly AttackCase[] = [
  attack(
    'I59',
    'addresses in forms that programs read differently are refused with their line',
    ['failure: policy-refused'],
    noAddresses,
  ),
  attack(
    'I60',
    'a rule with host bits is read as its network, and that is said',
    ['success: policy-reloaded'],
    hostBits,
  ),
  attack(
    'I63',
    'a PROXY header that nobody asked for, and one from a peer that is no balancer',
    [
      'cross_protocol: connection-closed',
      'handshake_failed: connection-refused',
      'proxy_untrusted: access-denied',
      'not_authenticated: ping',
    ],
    async (world) => {
      await unasked(world);
      await distrusted(world);
    },
  ),
  attack('I66', 'a list of balancers that holds everybody, or nobody', ['failure: policy-refused'], everybodyTrusted),
];
