/** Group I: nobody but a balancer that policy names says where a client is, and no list means more than it seems to. */
import net from 'node:net';
import { binaryHeaderFrom } from '../../support/proxy-header.ts';
import { type AttackCase, attack, becomes, holds, matches, same } from '../case.ts';
import { lineBehindGateway, saidOf } from '../reloads.ts';
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
    const audited = () => own.auditSince(0).filter((line) => line.includes('"proxy_untrusted"'));
    holds(await becomes(() => audited().length > 0, 3000), 'nothing is audited');
    for (const line of audited())
      holds(line.includes(`"source.ip":"${PEER}"`), `the audit has another address: ${line}`);
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

const EVERYBODY = ['[0.0.0.0/0]', "['::/0']", '[]', '[10.0.0.1, 0.0.0.0/1, 128.0.0.0/1]', "['::ffff:0.0.0.0/96']"];

async function everybodyTrusted(world: World): Promise<void> {
  const refused = new RegExp(
    `"event":"policy\\.refused".*gateway\\.yaml:${lineBehindGateway(world)}:\\d+: .*balancers`,
  );
  for (const listener of ['tls', 'plain']) {
    for (const list of EVERYBODY) {
      const text = `listeners: { ${listener}: { proxy_protocol: { from: ${list} } } }\n`;
      const lines = await saidOf(world, 'gateway.yaml', text);
      holds(
        lines.some((line) => refused.test(line)),
        text,
      );
    }
  }
}

export const proxyCases: readonly AttackCase[] = [
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
