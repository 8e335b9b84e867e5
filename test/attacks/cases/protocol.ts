/** Group P: the wire. */
import { type AttackCase, attack, holds, matches, pause, same } from '../case.ts';
import { encode, type Wire } from '../wire.ts';
import type { World } from '../world.ts';

const MEGABYTE = 1024 * 1024;

async function refusedAndClosed(wire: Wire, bytes: string, expected: string): Promise<void> {
  wire.send(bytes);
  same(await wire.reply(), expected, JSON.stringify(bytes.slice(0, 40)));
  holds(await wire.ends(5000), 'the connection stays open');
}

async function memoryHolds(world: World, bound: number, act: () => Promise<void>): Promise<void> {
  const before = world.residentBytes();
  await act();
  const grown = world.residentBytes() - before;
  holds(grown <= bound, `resident memory grew by ${Math.round(grown / 1024)} KiB, allowed are ${bound / 1024}`);
}

const PIPELINE = Array.from({ length: 20 }, (_, i) =>
  i % 3 === 0
    ? encode('SET', `t1:p${i}`, `\0\r\n${i}`)
    : i % 3 === 1
      ? encode('GET', `t1:p${i - 1}`)
      : encode('STRLEN', `t1:p${i - 2}`),
).join('');

export const protocolCases: readonly AttackCase[] = [
  attack('P1', 'eleven arguments before authentication', ['protocol_error: connection-closed'], (world) =>
    memoryHolds(world, 8 * MEGABYTE, async () => {
      const wire = await world.anon();
      await refusedAndClosed(wire, '*11\r\n', '-ERR Protocol error: unauthenticated multibulk length\r\n');
    }),
  ),
  attack(
    'P3',
    'a thousand strangers holding unfinished requests',
    ['authentication_timeout: connection-closed'],
    async (world) => {
      const wires: Wire[] = [];
      await memoryHolds(world, 320 * MEGABYTE, async () => {
        for (let i = 0; i < 1000; i++) {
          const wire = await world.plain();
          wire.send(`*10\r\n${`$16383\r\n${'x'.repeat(16383)}\r\n`.repeat(3)}`);
          wires.push(wire);
        }
      });
      const ended = await Promise.all(wires.map((wire) => wire.ends(12_000)));
      same(ended.filter(Boolean).length, wires.length, 'strangers dropped');
    },
  ),
  attack('P5', 'lengths that are no lengths', ['protocol_error: connection-closed'], async (world) => {
    const t1 = await world.as('t1');
    await refusedAndClosed(t1, '*2147483648\r\n', '-ERR Protocol error: invalid multibulk length\r\n');
    await refusedAndClosed(await world.as('t1'), '*1\r\n$-1\r\n', '-ERR Protocol error: invalid bulk length\r\n');
    await refusedAndClosed(await world.as('t1'), '*1\r\n$blabla\r\n', '-ERR Protocol error: invalid bulk length\r\n');
    await refusedAndClosed(await world.as('t1'), '*1\r\nfoo\r\n', "-ERR Protocol error: expected '$', got 'f'\r\n");
    const patient = await world.as('t1');
    patient.send(`*-10\r\n${encode('PING')}`);
    same(await patient.reply(), '+PONG\r\n', 'after *-10');
    patient.close();
  }),
  attack('P7', 'a bulk header without its bulk', ['protocol_error: connection-closed'], async (world) => {
    await refusedAndClosed(
      await world.as('t1'),
      '*1\r\n$536870913\r\n',
      '-ERR Protocol error: invalid bulk length\r\n',
    );
    await memoryHolds(world, 16 * MEGABYTE, async () => {
      const wires = await Promise.all(Array.from({ length: 10 }, () => world.as('t1')));
      for (const wire of wires) wire.send('*2\r\n$3\r\nGET\r\n$67108864\r\n');
      await new Promise((resolve) => setTimeout(resolve, 300));
      for (const wire of wires) wire.close();
    });
  }),
  attack('P9', 'a wrong terminator behind a bulk', ['protocol_error: connection-closed'], async (world) => {
    const t1 = await world.as('t1');
    t1.send(`*1\r\n$4\r\nPINGXX${encode('SET', 't1:p9', 'reached')}`);
    matches(await t1.reply(), /^-ERR Protocol error/, 'the reply');
    holds(await t1.ends(5000), 'the connection stays open');
    const check = await world.as('t1');
    same(await check.ask('EXISTS', 't1:p9'), ':0\r\n', 'the command behind it ran');
    check.close();
  }),
  attack('P11', 'a pipeline cut at every byte', { none: 'every request is a valid one' }, async (world) => {
    const whole = await world.as('t1');
    whole.send(PIPELINE);
    const expected = (await whole.collect(20)).join('');
    for (let cut = 1; cut < PIPELINE.length; cut += 7) {
      whole.send(PIPELINE.slice(0, cut));
      await new Promise((resolve) => setImmediate(resolve));
      whole.send(PIPELINE.slice(cut));
      same((await whole.collect(20)).join(''), expected, `cut at ${cut}`);
    }
    for (const byte of PIPELINE) {
      whole.send(byte);
      if (byte === '\n') await new Promise((resolve) => setImmediate(resolve));
    }
    same((await whole.collect(20)).join(''), expected, 'one byte a segment');
    whole.close();
  }),
  attack(
    'P11',
    'requests of thousands of arguments, cut anywhere',
    { none: 'every request is a valid one' },
    async (world) => {
      const t1 = await world.as('t1');
      for (const count of [255, 257, 5000]) {
        const keys = Array.from({ length: count }, (_, i) => `t1:cut:${i}`);
        const bytes = encode('MSET', ...keys.flatMap((key) => [key, key]));
        for (const cut of [bytes.length >> 1, bytes.length - 3]) {
          t1.send(bytes.slice(0, cut));
          await pause(20);
          t1.send(bytes.slice(cut));
          same(await t1.reply(), '+OK\r\n', `MSET of ${count} keys cut at ${cut}`);
          same(await t1.ask('GET', 't1:cut:0'), '$8\r\nt1:cut:0\r\n', 'the first key');
          same(await t1.ask('DEL', ...keys), `:${count}\r\n`, 'DEL of all of them');
        }
      }
      t1.close();
    },
  ),
  attack('P12', 'inline requests that cannot be', ['protocol_error: connection-closed'], async (world) => {
    await refusedAndClosed(
      await world.as('t1'),
      'set """k""" v\r\n',
      '-ERR Protocol error: unbalanced quotes in request\r\n',
    );
    await refusedAndClosed(await world.as('t1'), 'x'.repeat(70_000), '-ERR Protocol error: too big inline request\r\n');
  }),
  attack('P13', 'a browser on the port', ['cross_protocol: connection-closed'], async (world) => {
    const wire = await world.anon();
    wire.send('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\nFLUSHALL');
    holds(await wire.ends(5000), 'the connection stays open');
    same(wire.replies.join(''), '', 'something was answered');
  }),
  attack(
    'P16',
    'HELLO with versions that do not exist',
    { none: 'mistakes, and nothing that was not allowed' },
    async (world) => {
      const t1 = await world.as('t1');
      same(await t1.ask('HELLO', '9'), '-NOPROTO unsupported protocol version\r\n', 'HELLO 9');
      same(await t1.ask('HELLO', 'abc'), '-ERR Protocol version is not an integer or out of range\r\n', 'HELLO abc');
      same(await t1.ask('PING'), '+PONG\r\n', 'in step afterwards');
      t1.close();
    },
  ),
  attack('P17', 'CLIENT REPLY OFF and SKIP among errors', ['unknown_command: unknown-command'], async (world) => {
    const t1 = await world.as('t1');
    t1.send(
      [
        encode('CLIENT', 'REPLY', 'OFF'),
        encode('NOSUCH'),
        encode('GET'),
        encode('SET', 't1:17', 'a'),
        encode('CLIENT', 'REPLY', 'ON'),
        encode('CLIENT', 'REPLY', 'SKIP'),
        encode('NOSUCH'),
        encode('GET', 't1:17'),
      ].join(''),
    );
    same((await t1.collect(2)).join(''), '+OK\r\n$1\r\na\r\n', 'replies');
    same(await t1.ask('PING'), '+PONG\r\n', 'in step afterwards');
    t1.close();
  }),
  attack('P19', 'command names that are no names', ['unknown_command: unknown-command'], async (world) => {
    const t1 = await world.as('t1');
    for (const name of ['x'.repeat(MEGABYTE), 'a\0b', '\u001b[31mred', 'li\r\nne']) {
      const reply = await t1.ask(name);
      matches(reply, /^-ERR unknown command/, 'the reply');
      holds(reply.length <= 258, `${reply.length} bytes of error`);
      const controls = Array.from(reply.slice(0, -2)).filter((character) => character < ' ');
      same(controls.length, 0, 'control characters in the error');
    }
    same(await t1.ask('PING'), '+PONG\r\n', 'in step afterwards');
    t1.close();
  }),
  attack(
    'P20',
    'nested aggregates and RESP3 types as requests',
    ['protocol_error: connection-closed'],
    async (world) => {
      const nested = await world.as('t1');
      nested.send('*1\r\n'.repeat(100_000));
      matches(await nested.reply(), /^-ERR Protocol error/, 'nested');
      for (const mark of '%~>|=!(,_#') {
        const wire = await world.as('t1');
        wire.send(`${mark}1\r\n`);
        matches(await wire.reply(), /^-ERR Protocol error/, `type ${mark}`);
        wire.close();
      }
    },
  ),
];
