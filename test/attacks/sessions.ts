/** What cases about transactions, waits and caches share. */
import { becomes, holds, matches, same } from './case.ts';
import { encode, type Wire } from './wire.ts';
import type { World } from './world.ts';

export function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

export function invalidation(key: string): string {
  return `>2\r\n${bulk('invalidate')}*1\r\n${bulk(key)}`;
}

/** Sends all of them in one piece, and gives as many replies. */
export async function all(wire: Wire, ...requests: readonly (readonly string[])[]): Promise<string[]> {
  wire.send(requests.map((words) => encode(...words)).join(''));
  return await wire.collect(requests.length);
}

/** What comes next is this, and nothing is between it and a marker behind it. */
export async function hears(wire: Wire, expected: readonly string[], what: string): Promise<void> {
  wire.send(encode('ECHO', 'marker'));
  const replies = await wire.collect(expected.length + 1);
  same(replies.join(''), expected.join('') + bulk('marker'), what);
}

export async function idOf(wire: Wire): Promise<string> {
  return (await wire.ask('CLIENT', 'ID')).slice(1, -2);
}

export function fieldOf(line: string, name: string): string {
  return new RegExp(` ${name}=(\\S*)`).exec(` ${line}`)?.[1] ?? '';
}

/** Sends a command that waits, and comes back when it does. */
export async function blocks(world: World, wire: Wire, user: string, ...words: readonly string[]): Promise<void> {
  const before = await world.figure('blocked_clients', user);
  wire.send(encode(...words));
  holds(await becomes(async () => (await world.figure('blocked_clients', user)) > before), `${words.join(' ')} waits`);
}

export async function nobodyWaits(world: World, user: string): Promise<void> {
  holds(await becomes(async () => (await world.figure('blocked_clients', user)) === 0), `${user} still waits`);
  // Workers tell their figures ten times a second.
  const isFree = async () => (await world.figure('total_blocking_keys', user)) === 0;
  holds(await becomes(isFree), 'keys that somebody waits for are left');
}

export async function login(world: World, name: string): Promise<Wire> {
  const wire = await world.anon();
  matches(await wire.ask('HELLO', '3', 'AUTH', name, 'pw'), /^%/, 'the login');
  return wire;
}

/** A user of tenant one that is made for a case and gone after it. */
export async function withUser(
  world: World,
  rules: readonly string[],
  run: (admin: Wire, name: string) => Promise<void>,
) {
  const admin = await world.as('admin');
  const name = 'passing';
  same(await admin.ask('TENANT', 'USE', 'one'), '+OK\r\n', 'TENANT USE');
  same(await admin.ask('ACL', 'SETUSER', name, 'on', '>pw', '&*', '+@all', ...rules), '+OK\r\n', 'ACL SETUSER');
  await run(admin, name);
  await admin.ask('ACL', 'DELUSER', name);
  admin.close();
}
