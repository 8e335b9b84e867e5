/** Groups K and F: commands that would make the process call somebody. */
import { type AddressInfo, createServer, type Server } from 'node:net';
import { type AttackCase, attack, matches, pause, same } from '../case.ts';
import type { World } from '../world.ts';

/** A port of ours that nobody has any business to call. */
async function trap(): Promise<{ server: Server; port: string; calls: () => number }> {
  let calls = 0;
  const server = createServer((socket) => {
    calls++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, port: String((server.address() as AddressInfo).port), calls: () => calls };
}

/** Asked as each of these users; none of it may be done, and nobody is called. */
async function callsNobody(
  world: World,
  users: readonly string[],
  requests: (port: string) => readonly (readonly string[])[],
): Promise<void> {
  const { server, port, calls } = await trap();
  try {
    for (const user of users) {
      const wire = await world.as(user);
      for (const words of requests(port)) {
        matches(await wire.ask(...words), /^-(?:NOPERM|ERR) /, `${user}: ${words.join(' ')}`);
      }
      same(await wire.ask('PING'), '+PONG\r\n', `${user} is in step afterwards`);
      wire.close();
    }
    await pause(100);
    same(calls(), 0, 'calls to another place');
  } finally {
    server.close();
  }
}

const OUTWARD = (port: string) => [
  ['REPLICAOF', '127.0.0.1', port],
  ['SLAVEOF', '127.0.0.1', port],
  ['MIGRATE', '127.0.0.1', port, 't1:a', '0', '100'],
  ['CLUSTER', 'MEET', '127.0.0.1', port],
  ['CLUSTER', 'REPLICATE', 'a'.repeat(40)],
  ['FAILOVER', 'TO', '127.0.0.1', port],
  ['FAILOVER', 'TO', '127.0.0.1', port, 'FORCE', 'TIMEOUT', '1'],
  ['SENTINEL', 'MONITOR', 'x', '127.0.0.1', port, '1'],
  ['CONFIG', 'SET', 'replicaof', `127.0.0.1 ${port}`],
  ['DEBUG', 'RELOAD'],
];

const MIGRATIONS = (port: string) => [
  ['MIGRATE', '127.0.0.1', port, 'canary:1', '0', '100'],
  ['MIGRATE', '127.0.0.1', port, '', '0', '100', 'KEYS', 'canary:1', 't1:a'],
  ['MIGRATE', '127.0.0.1', port, 't1:a', '0', '100', 'AUTH', 'KEYS', 'KEYS', 'canary:1'],
  ['MIGRATE', '127.0.0.1', port, '', '0', '100', 'AUTH2', 'KEYS', 'KEYS', 'KEYS', 'canary:1'],
  ['MIGRATE', '127.0.0.1', port, '', '0', '100', 'COPY', 'REPLACE', 'KEYS'],
  ['MIGRATE', '127.0.0.1', port],
];

const REPLICATION: readonly (readonly string[])[] = [
  ['PSYNC', '?', '-1'],
  ['PSYNC', 'a'.repeat(40), '1'],
  ['SYNC'],
  ['REPLCONF', 'listening-port', '1'],
  ['REPLCONF', 'capa', 'eof', 'capa', 'psync2'],
  ['REPLCONF', 'ACK', '1'],
  ['REPLCONF', 'GETACK', '*'],
];

async function noReplicaGetsIn(world: World): Promise<void> {
  const anon = await world.anon('127.0.0.84');
  for (const words of REPLICATION) {
    matches(await anon.ask(...words), /^-(?:NOAUTH|ERR unknown command)/, `anon: ${words.join(' ')}`);
  }
  same(await anon.ask('PING'), '-NOAUTH Authentication required.\r\n', 'nothing came behind it');
  anon.close();
  for (const user of ['t1', 't1x']) {
    const wire = await world.as(user);
    for (const words of REPLICATION) {
      matches(await wire.ask(...words), /^-(?:NOPERM|ERR unknown command)/, `${user}: ${words.join(' ')}`);
    }
    same(await wire.ask('PING'), '+PONG\r\n', `${user} is in step afterwards`);
    wire.close();
  }
}

export const outwardCases: readonly AttackCase[] = [
  attack('K94', 'every form of MIGRATE, over keys of another tenant', ['unknown_command: unknown-command'], (world) =>
    callsNobody(world, ['t1', 't1x'], MIGRATIONS),
  ),
  attack(
    'F168',
    'commands that would make the process call somebody',
    [
      'unknown_command: unknown-command',
      'command: cluster-meet cluster-replicate config-set',
      'failure: cluster-meet cluster-replicate',
      'ceiling: config-set',
    ],
    (world) => callsNobody(world, ['t1', 't1x'], OUTWARD),
  ),
  attack(
    'F169',
    'whoever pretends to be a replica gets no stream',
    ['unknown_command: unknown-command', 'not_authenticated: ping'],
    noReplicaGetsIn,
  ),
];
