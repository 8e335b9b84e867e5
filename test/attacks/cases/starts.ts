/** Cases that need a process started in a way of its own: another bind address, another option of the runtime. */
import net from 'node:net';
import { networkInterfaces } from 'node:os';
import { type AttackCase, attack, becomes, CaseSkipped, holds, matches, same } from '../case.ts';
import { PASSWORD } from '../password.ts';
import { Wire } from '../wire.ts';
import type { World, WorldOptions } from '../world.ts';

async function started(
  world: World,
  options: Partial<WorldOptions>,
  act: (own: World) => Promise<void>,
): Promise<void> {
  const own = await world.sibling(options);
  try {
    await act(own);
    same(own.alive, true, 'the process started for this is alive');
  } finally {
    await own.stop();
  }
}

function hasIpv6(): boolean {
  return Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));
}

/** Every byte that comes before the other side ends it; undefined when it does not end it. */
function bytesUntilEnd(port: number, host: string, from: string | undefined): Promise<number | undefined> {
  return new Promise((resolve) => {
    let bytes = 0;
    const at = { port, host, ...(from === undefined ? {} : { localAddress: from }) };
    const socket = net.connect(at, () => socket.write('\x16\x03\x01'));
    const timer = setTimeout(() => socket.destroy(new Error('it stays open')), 3000);
    let isOpen = false;
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    socket.on('error', (error) => {
      isOpen ||= error.message === 'it stays open';
    });
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(isOpen ? undefined : bytes);
    });
  });
}

/** 127.0.0.64 to .127 may come to TLS, and 127.0.0.72 to .79 without; one list is written as IPv4, one as IPv6. */
function allowlists(bind: string): string {
  const v6 = bind === '::' ? "'::ffff:127.0.0.64/122'" : '127.0.0.64/26';
  return [
    'listeners:',
    `  tls: { bind: '${bind}', addresses: [10.0.0.0/8, ${v6}] }`,
    `  plain: { bind: '127.0.0.1', addresses: [127.0.0.72/29] }`,
    'limits: { authentication_timeout: 5 }\n',
  ].join('\n');
}

const ALLOWED = ['127.0.0.64', '127.0.0.70', '127.0.0.127'];
const DENIED = ['127.0.0.1', '127.0.0.63', '127.0.0.128', '127.0.1.64', '127.64.0.64'];

async function listHolds(own: World, isDual: boolean): Promise<void> {
  for (const from of ALLOWED) {
    const wire = await own.as('t1', 2, from);
    matches(await wire.ask('CLIENT', 'INFO'), new RegExp(`addr=${from.replaceAll('.', '\\.')}:`), `seen from ${from}`);
    wire.close();
  }
  const admin = await own.as('admin', 2, ALLOWED[0]);
  const denied = async () =>
    Number(/closed_address_denied:(\d+)/.exec(await admin.ask('INFO', 'gateway'))?.[1] ?? Number.NaN);
  const before = await denied();
  const place = own.logEnd;
  for (const from of DENIED) same(await bytesUntilEnd(own.port, '127.0.0.1', from), 0, `bytes to ${from}`);
  for (const from of ['127.0.0.71', '127.0.0.80']) {
    same(await bytesUntilEnd(own.plainPort, '127.0.0.1', from), 0, `bytes without TLS to ${from}`);
  }
  let count = DENIED.length + 2;
  if (isDual) {
    same(await bytesUntilEnd(own.port, '::1', undefined), 0, 'bytes to ::1');
    count++;
  }
  same((await denied()) - before, count, 'closed_address_denied');
  const lines = () => own.logSince(place).filter((line) => line.includes('"msg":"address_denied"'));
  holds(await becomes(() => lines().length === count, 3000), `${lines().length} lines for ${count} refusals`);
  const plain = await own.plain('127.0.0.73');
  same(await plain.ask('AUTH', 't1', PASSWORD), '+OK\r\n', 'without TLS from its list');
  plain.close();
  admin.close();
}

async function allowlist(world: World): Promise<void> {
  const isDual = hasIpv6();
  const bind = isDual ? '::' : '127.0.0.1';
  await started(world, { gateway: allowlists(bind) }, (own) => listHolds(own, isDual));
}

async function withoutProto(world: World): Promise<void> {
  if (world.options.runtime !== 'node') throw new CaseSkipped('an option of Node');
  const environment = { NODE_OPTIONS: '--disable-proto=throw' };
  await started(world, { environment }, async (own) => {
    const t1x = await own.as('t1x', 3);
    for (const name of ['__proto__', 'constructor', 't1:__proto__']) {
      const isOwn = name.startsWith('t1:');
      matches(await t1x.ask('SET', name, '__proto__'), isOwn ? /^\+OK/ : /^-NOPERM/, `SET ${name}`);
      matches(await t1x.ask('CLIENT', 'SETNAME', name), /^\+OK/, `CLIENT SETNAME ${name}`);
      matches(await t1x.ask('CONFIG', 'GET', name), /^%0/, `CONFIG GET ${name}`);
      matches(await t1x.ask('ACL', 'DRYRUN', 't1x', 'GET', name), /^[-+$]/, `ACL DRYRUN ${name}`);
    }
    for (const words of [
      ['INFO', 'everything'],
      ['COMMAND', 'DOCS'],
      ['CLIENT', 'LIST'],
      ['KEYS', '*'],
      ['ACL', 'CAT'],
    ]) {
      matches(await t1x.ask(...words), /^[*$%~=]/, words.join(' '));
    }
    const place = own.logEnd;
    own.reload();
    const isRead = () => own.logSince(place).some((line) => line.includes('"event":"policy.unchanged"'));
    holds(await becomes(isRead), 'the policies are not read again');
    const wrong = await Wire.connect({ port: own.plainPort, tls: false, ca: undefined });
    matches(await wrong.ask('AUTH', '__proto__', 'x'), /^-WRONGPASS/, 'AUTH __proto__');
    const admin = await own.as('admin');
    same(/^bugs:(\d+)/m.exec(await admin.ask('INFO', 'gateway'))?.[1], '0', 'bugs that were caught');
    for (const wire of [t1x, wrong, admin]) wire.close();
  });
}

export const startCases: readonly AttackCase[] = [
  attack(
    'I58',
    'who is not on the list of a listener is gone before the first byte of TLS',
    ['address_denied: connection-refused'],
    allowlist,
  ),
  attack('N217', 'a runtime without __proto__', ['key: set', 'unknown_user: login'], withoutProto),
];
