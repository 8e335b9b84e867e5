/** What transcripts cannot say of streams: what is logged does the same on a copy, budgets hold, and hostile numbers cost little. */
import { describe, expect, test } from 'vitest';
import { bytesOfLatin1, latin1 } from '../../src/base/bytes.ts';
import { STREAM_CLAIM_ATTEMPTS_MAX } from '../../src/base/limits.ts';
import { Prng } from '../../src/base/prng.ts';
import { parseReply, type Reply } from '../../src/resp/reply-reader.ts';
import { StreamWords } from '../differential/streams.ts';
import { FakeClock, Harness, type HarnessSession } from '../support/harness.ts';
import { rendered } from '../support/render.ts';
import { seed } from '../support/seed.ts';
import { shown } from '../support/words.ts';

const KEYS = ['s', 't', 'u'];
const WRITES = [
  ...['XADD', 'XADD', 'XADD', 'XADD', 'XTRIM', 'XDEL', 'XREADGROUP', 'XREADGROUP', 'XREADGROUP', 'XACK', 'XCLAIM'],
  ...['XAUTOCLAIM', 'XSETID', 'XGROUP CREATE', 'XGROUP SETID', 'XGROUP DESTROY', 'XGROUP CREATECONSUMER'],
  'XGROUP DELCONSUMER',
];

function answer(session: HarnessSession, ...words: string[]): Reply {
  const parsed = parseReply(session.run(words));
  if (parsed === undefined) throw new Error('half a reply');
  return parsed.value;
}

function integer(session: HarnessSession, ...words: string[]): number {
  const reply = answer(session, ...words);
  return reply.kind === 'integer' ? Number(reply.value) : Number.NaN;
}

/** Everything of every stream, but when consumers were seen. */
function state(session: HarnessSession): string[] {
  return KEYS.map((key) =>
    rendered(session.run(['XINFO', 'STREAM', key, 'FULL', 'COUNT', '0'])).replace(
      /("seen-time"\n\s+)\(integer\) \d+/g,
      '$1',
    ),
  );
}

describe('what is logged of streams', () => {
  test('does the same on a copy', () => {
    const clock = new FakeClock();
    const original = new Harness({ clock, debug: true }).session();
    const copy = new Harness({ clock, debug: true }).session();
    const prng = new Prng(seed);
    const words = new StreamWords(prng);
    let logged = 0;
    for (let i = 0; i < 6000; i++) {
      clock.now += prng.below(50);
      const command = WRITES[prng.below(WRITES.length)] as string;
      const made = words.arguments(command, () => KEYS[prng.below(KEYS.length)] as string);
      // An ID of the server's own, too; and no counter that would pass its end.
      const given = made.map((word) => {
        if (word === '9223372036854775807') return '4294967296';
        return command === 'XADD' && prng.below(3) === 0 ? word.replace(/^\d+-\*$/, '*') : word;
      });
      const request = [...command.split(' '), ...given];
      original.run(request);
      const { effect } = original;
      if (effect.kind !== 'changed') continue;
      logged++;
      const rows = effect.replay ?? [request];
      for (const row of rows) {
        const reply = copy.run(row.map((word) => (typeof word === 'string' ? word : latin1(word))));
        expect(reply[0], `${shown(request)}: ${latin1(reply)}`).not.toBe('-'.charCodeAt(0));
      }
      if (i % 20 === 0) expect(state(copy), shown(request)).toEqual(state(original));
    }
    expect(state(copy)).toEqual(state(original));
    expect(logged).toBeGreaterThan(1000);
  });

  test('says which events there were', () => {
    const session = new Harness().session();
    const events = (...words: string[]) => {
      session.run(words);
      return session.effect.kind === 'changed'
        ? session.effect.events.map(({ name, key }) => `${name} ${words[key]}`)
        : [];
    };
    expect(events('XADD', 's', '1-1', 'f', 'v')).toEqual(['xadd s']);
    expect(events('XADD', 's', 'MAXLEN', '1', '2-1', 'f', 'v')).toEqual(['xadd s', 'xtrim s']);
    expect(events('XTRIM', 's', 'MAXLEN', '5')).toEqual([]);
    expect(events('XGROUP', 'CREATE', 's', 'g', '0')).toEqual(['xgroup-create s']);
    expect(events('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 's', '>')).toEqual(['xgroup-createconsumer s']);
    expect(events('XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 's', '>')).toEqual([]);
    expect(events('XCLAIM', 's', 'g', 'd', '0', '2-1')).toEqual(['xgroup-createconsumer s']);
    expect(events('XAUTOCLAIM', 's', 'g', 'c', '0', '0')).toEqual([]);
    expect(events('XACK', 's', 'g', '2-1')).toEqual([]);
    expect(events('XGROUP', 'SETID', 's', 'g', '0')).toEqual(['xgroup-setid s']);
    expect(events('XGROUP', 'DELCONSUMER', 's', 'g', 'c')).toEqual(['xgroup-delconsumer s']);
    expect(events('XGROUP', 'DESTROY', 's', 'g')).toEqual(['xgroup-destroy s']);
    expect(events('XSETID', 's', '9-9')).toEqual(['xsetid s']);
    expect(events('XDEL', 's', '2-1')).toEqual(['xdel s']);
  });
});

describe('the budget of a tenant', () => {
  const LIMIT = 300_000;
  const SMALL_LIMIT = 40_000;

  test('holds whatever streams are written, and all of it comes back', () => {
    const harness = new Harness({ debug: true, limitBytes: SMALL_LIMIT });
    const session = harness.session();
    const { account } = harness.shard.realm(0);
    const prng = new Prng(seed);
    const words = new StreamWords(prng);
    const empty = account.usedBytes();
    let refused = 0;
    for (let i = 0; i < 8000; i++) {
      const command = prng.below(4) === 0 ? (WRITES[prng.below(WRITES.length)] as string) : 'XADD';
      const before = account.usedBytes();
      const keys = () => KEYS[prng.below(KEYS.length)] as string;
      const reply = latin1(session.run([...command.split(' '), ...words.arguments(command, keys)]));
      if (!reply.startsWith('-OOM')) expect(account.usedBytes()).toBeLessThanOrEqual(Math.max(before, SMALL_LIMIT));
      else {
        refused++;
        expect(account.usedBytes()).toBe(before);
        if (refused % 50 === 0) session.run(['XTRIM', keys(), 'MAXLEN', '10']);
      }
    }
    expect(refused).toBeGreaterThan(100);
    session.run(['DEL', ...KEYS]);
    while (harness.shard.reclaim(100));
    expect(account.usedBytes()).toBeLessThanOrEqual(empty + 1024);
  });

  test('lets a group read as far as there is room, and no message is lost', () => {
    const harness = new Harness({ debug: true, limitBytes: LIMIT });
    const session = harness.session();
    session.run(['XGROUP', 'CREATE', 's', 'g', '0', 'MKSTREAM']);
    let added = 0;
    while (!latin1(session.run(['XADD', 's', `${added + 1}-1`, 'f', 'v'])).startsWith('-OOM')) added++;
    session.run(['XTRIM', 's', 'MAXLEN', `${added - 2000}`]);
    const left = integer(session, 'XLEN', 's');
    let read = 0;
    for (let round = 0; read < left && round < 1000; round++) {
      const reply = answer(session, 'XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 's', '>');
      const [stream] = reply.kind === 'array' ? reply.items : [];
      const entries = stream?.kind === 'array' ? stream.items[1] : undefined;
      const count = entries?.kind === 'array' ? entries.items.length : 0;
      expect(integer(session, 'XPENDING', 's', 'g') || pendingCount(session)).toBe(count);
      for (const entry of entries?.kind === 'array' ? entries.items : []) {
        const id = entry.kind === 'array' ? entry.items[0] : undefined;
        if (id?.kind === 'bulk') session.run(['XACK', 's', 'g', latin1(id.bytes)]);
      }
      if (count === 0) session.run(['XTRIM', 's', 'MINID', '1']);
      read += count;
    }
    expect(read).toBe(left);
  });
});

function pendingCount(session: HarnessSession): number {
  const reply = answer(session, 'XPENDING', 's', 'g');
  const first = reply.kind === 'array' ? reply.items[0] : undefined;
  return first?.kind === 'integer' ? Number(first.value) : Number.NaN;
}

describe('a hostile client', () => {
  function filled(entries: number): HarnessSession {
    const session = new Harness().session();
    for (let i = 1; i <= entries; i++) session.run(['XADD', 's', `${i}-1`, 'f', 'v']);
    session.run(['XGROUP', 'CREATE', 's', 'g', '0']);
    return session;
  }

  test('makes one XAUTOCLAIM look at so many pending entries and no more', () => {
    const entries = STREAM_CLAIM_ATTEMPTS_MAX + 5000;
    const session = filled(entries);
    session.run(['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 's', '>']);
    const huge = '576460752303423487';
    expect(rendered(session.run(['XAUTOCLAIM', 's', 'g', 'd', '9000000000', '0', 'COUNT', huge]))).toBe(
      `array of 3\n  "${STREAM_CLAIM_ATTEMPTS_MAX + 1}-1"\n  array of 0\n  array of 0`,
    );
    const claimed = answer(session, 'XAUTOCLAIM', 's', 'g', 'd', '0', '0', 'COUNT', huge, 'JUSTID');
    const ids = claimed.kind === 'array' ? claimed.items[1] : undefined;
    expect(ids?.kind === 'array' ? ids.items.length : 0).toBe(STREAM_CLAIM_ATTEMPTS_MAX);
    expect(integer(session, 'XGROUP', 'DELCONSUMER', 's', 'g', 'c')).toBe(5000);
    expect(integer(session, 'XGROUP', 'DESTROY', 's', 'g')).toBe(1);
  });

  test('is given by XREADGROUP, XCLAIM and XAUTOCLAIM what fits a reply, and the rest stays where it was', () => {
    const session = filled(2000);
    session.out.replyBytesMax = 16 * 1024;
    const read = latin1(session.run(['XREADGROUP', 'GROUP', 'g', 'c', 'NOACK', 'COUNT', '10', 'STREAMS', 's', '>']));
    expect(read.startsWith('*')).toBe(true);
    session.run(['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 's', '>']);
    expect(session.out.overflowed).toBe(false);
    const pending = pendingCount(session);
    expect(pending).toBeGreaterThan(20);
    expect(pending).toBeLessThan(1000);
    session.run(['XAUTOCLAIM', 's', 'g', 'd', '0', '0', 'COUNT', '100000']);
    const [, , , owners] = [
      ...rendered(session.run(['XPENDING', 's', 'g']))
        .split('\n')
        .slice(0, 4),
    ];
    expect(owners).toBeDefined();
    expect(pendingCount(session)).toBe(pending);
  });

  test('gets at most one clear refusal for numbers at the ends', () => {
    const session = filled(3);
    const last = '18446744073709551615-18446744073709551615';
    const exhausted = '-ERR The stream has exhausted the last possible ID, unable to add more items\r\n';
    expect(latin1(session.run(['XADD', 's', last, 'f', 'v']))).toContain(last);
    expect(latin1(session.run(['XADD', 's', '*', 'f', 'v']))).toBe(exhausted);
    expect(latin1(session.run(['XADD', 's', last, 'f', 'v']))).toBe(exhausted);
    expect(latin1(session.run(['XREAD', 'STREAMS', 's', last]))).toBe('*-1\r\n');
    for (const count of ['9223372036854775807', '-9223372036854775808', '4294967296']) {
      expect(latin1(session.run(['XRANGE', 's', '-', '+', 'COUNT', count]))[0]).toBe('*');
      expect(latin1(session.run(['XREAD', 'COUNT', count, 'STREAMS', 's', '0']))[0]).toBe('*');
      expect(latin1(session.run(['XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', count, 'STREAMS', 's', '0']))[0]).toBe('*');
      expect(latin1(session.run(['XPENDING', 's', 'g', '-', '+', count]))[0]).toBe('*');
      expect(latin1(session.run(['XINFO', 'STREAM', 's', 'FULL', 'COUNT', count]))[0]).toBe('*');
    }
    session.run(['XSETID', 's', last, 'ENTRIESADDED', '9223372036854775807']);
    expect(rendered(session.run(['XINFO', 'STREAM', 's']))).toContain('(integer) 9223372036854775807');
  });

  test('frees a large stream in slices', () => {
    const harness = new Harness();
    const session = harness.session();
    const value = 'w'.repeat(5000);
    for (let i = 1; i <= 3000; i++) session.run(['XADD', 's', `${i}-1`, 'f', value]);
    session.run(['DEL', 's']);
    expect(harness.shard.pendingFrees()).toBeGreaterThan(2000);
    const used = harness.shard.realm(0).account.usedBytes();
    harness.shard.reclaim(500);
    expect(harness.shard.realm(0).account.usedBytes()).toBeLessThan(used - 400 * 5000);
    expect(harness.shard.pendingFrees()).toBeGreaterThan(1000);
    while (harness.shard.reclaim(500));
    expect(harness.shard.arena.allocatedBytes).toBeLessThan(20_000);
    expect(bytesOfLatin1(value).length).toBe(5000);
  });
});
