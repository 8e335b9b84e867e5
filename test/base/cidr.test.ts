import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Allowlist, parseAddress } from '../../src/base/cidr.ts';
import { ALLOWLIST_RULES_MAX } from '../../src/base/limits.ts';

type Family = 'v4' | 'v6';

/** An address as a number, written in the way its spelling says. */
interface Point {
  readonly family: Family;
  readonly value: bigint;
  readonly text: string;
}

function v4Text(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
}

function v6Groups(value: bigint): string[] {
  return Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
}

type Spelling = 'full' | 'padded' | 'upper' | 'compressed' | 'dotted' | 'compressed and dotted';

function v6Text(value: bigint, spelling: Spelling): string {
  const groups = v6Groups(value);
  if (spelling === 'padded') return groups.map((group) => group.padStart(4, '0')).join(':');
  if (spelling === 'upper') return groups.join(':').toUpperCase();
  if (spelling === 'dotted') return `${groups.slice(0, 6).join(':')}:${v4Text(value & 0xffffffffn)}`;
  if (spelling === 'full') return groups.join(':');
  if (spelling === 'compressed') return compressed(groups);
  const front = compressed(groups.slice(0, 6));
  return `${front}${front.endsWith('::') ? '' : ':'}${v4Text(value & 0xffffffffn)}`;
}

function compressed(groups: readonly string[]): string {
  return groups.join(':').replace(/(?:^|:)0(?::0)+(?::|$)/, '::');
}

const MAPPED = 0xffffn << 32n;
const SPELLING = fc.constantFrom<Spelling>('full', 'padded', 'upper', 'compressed', 'dotted', 'compressed and dotted');

/** Few bits vary, so that addresses and rules meet. */
const V4_VALUE = fc.oneof(
  fc
    .tuple(fc.constantFrom(0n, 10n, 11n, 127n, 255n), fc.bigInt(0n, 3n), fc.bigInt(0n, 255n))
    .map(([a, b, c]) => (a << 24n) | (b << 16n) | c),
  fc.bigInt(0n, 0xffffffffn),
);
const V6_VALUE = fc
  .oneof(
    fc
      .tuple(fc.constantFrom(0n, 0x20010db8n, 0xfe800000n, 0xffffffffn), fc.bigInt(0n, 3n), fc.bigInt(0n, 255n))
      .map(([a, b, c]) => (a << 96n) | (b << 64n) | c),
    fc.bigInt(0n, (1n << 128n) - 1n),
  )
  .filter((value) => value >> 32n !== 0xffffn);

const POINT: fc.Arbitrary<Point> = fc.oneof(
  fc
    .tuple(V4_VALUE, fc.constantFrom<Spelling | 'v4'>('v4', 'full', 'compressed', 'dotted', 'compressed and dotted'))
    .map(([value, spelling]) => ({
      family: 'v4' as const,
      value,
      text: spelling === 'v4' ? v4Text(value) : v6Text(MAPPED | value, spelling),
    })),
  fc
    .tuple(V6_VALUE, SPELLING)
    .map(([value, spelling]) => ({ family: 'v6' as const, value, text: v6Text(value, spelling) })),
);

interface Network extends Point {
  readonly prefix: number;
  readonly rule: string;
}

const NETWORK: fc.Arbitrary<Network> = fc.tuple(POINT, fc.nat(128), fc.boolean()).map(([point, number, isBare]) => {
  const bits = point.family === 'v4' ? 32 : 128;
  const prefix = isBare ? bits : number % (bits + 1);
  const written = point.family === 'v4' && point.text.includes(':') ? prefix + 96 : prefix;
  return { ...point, prefix, rule: isBare ? point.text : `${point.text}/${written}` };
});

function isIn({ family, value, prefix }: Network, point: Point): boolean {
  const shift = BigInt((family === 'v4' ? 32 : 128) - prefix);
  return family === point.family && value >> shift === point.value >> shift;
}

function listOf(rules: readonly string[]): Allowlist {
  const list = Allowlist.parse(rules);
  if (!list.ok) throw new Error(`rule ${list.fault.index}, ${rules[list.fault.index]}: ${list.fault.message}`);
  return list.value;
}

function allows(list: Allowlist, text: string): boolean {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`no address: ${text}`);
  return list.allows(address);
}

describe('an allowlist', () => {
  it('holds what one of its rules holds, in every spelling', () => {
    const met = { yes: 0, no: 0 };
    fc.assert(
      fc.property(
        fc.array(NETWORK, { maxLength: 8 }),
        fc.array(POINT, { minLength: 1, maxLength: 20 }),
        (networks, points) => {
          const list = listOf(networks.map(({ rule }) => rule));
          // The edges of every network, and what lies right beside them, decide.
          const edges = networks.flatMap(({ family, value, prefix }) => {
            const bits = family === 'v4' ? 32n : 128n;
            const size = 1n << (bits - BigInt(prefix));
            const first = (value / size) * size;
            return [first - 1n, first, first + size - 1n, first + size]
              .filter((edge) => edge >= 0n && edge < 1n << bits && !(family === 'v6' && edge >> 32n === 0xffffn))
              .map((edge) => ({
                family,
                value: edge,
                text: family === 'v4' ? v4Text(edge) : v6Text(edge, 'compressed'),
              }));
          });
          for (const point of points.concat(edges)) {
            const expected = networks.some((network) => isIn(network, point));
            met[expected ? 'yes' : 'no']++;
            if (allows(list, point.text) !== expected) throw new Error(`${point.text} should be ${expected}`);
          }
        },
      ),
      { numRuns: 2000 },
    );
    expect(Math.min(met.yes, met.no)).toBeGreaterThan(1000);
  });

  it('of no rules holds nobody', () => {
    for (const text of ['0.0.0.0', '127.0.0.1', '::', '::1']) expect(allows(listOf([]), text)).toBe(false);
  });

  it('/0 holds all of its family and none of the other', () => {
    const v4 = listOf(['1.2.3.4/0']);
    const v6 = listOf(['::/0']);
    for (const text of ['0.0.0.0', '255.255.255.255', '::ffff:9.9.9.9']) {
      expect([allows(v4, text), allows(v6, text)]).toEqual([true, false]);
    }
    for (const text of ['::', '::1', '::fffe:9.9.9.9', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '64:ff9b::9.9.9.9']) {
      expect([allows(v4, text), allows(v6, text)]).toEqual([false, true]);
    }
  });

  it('takes a mapped rule for the IPv4 rule it is', () => {
    const list = listOf(['::ffff:10.0.0.0/104']);
    expect(list.rules).toEqual(['10.0.0.0/8']);
    expect(allows(list, '10.200.0.1')).toBe(true);
    expect(allows(list, '::10.200.0.1')).toBe(false);
    expect(listOf(['::ffff:0:0/96']).rules).toEqual(['0.0.0.0/0']);
  });

  it('tells where host bits were cleared, and of nothing else', () => {
    const list = listOf([
      '10.1.2.3/8',
      '10.0.0.0/8',
      '2001:db8::1/32',
      '2001:DB8::/32',
      '::0/128',
      '1.2.3.4',
      '::ffff:1.2.3.4/120',
    ]);
    expect(list.notes).toEqual([
      { index: 0, written: '10.1.2.3/8', normalised: '10.0.0.0/8' },
      { index: 2, written: '2001:db8::1/32', normalised: '2001:db8::/32' },
      { index: 6, written: '::ffff:1.2.3.4/120', normalised: '1.2.3.0/24' },
    ]);
  });

  it('agrees with one rule after the other at 10,000 of them', () => {
    const networks = fc.sample(NETWORK, { numRuns: 10_000, seed: 1 }).filter(({ prefix }) => prefix > 12);
    while (networks.length < 10_000) {
      const value = BigInt(networks.length * 7919) << 8n;
      networks.push({ family: 'v4', value, prefix: 24, text: v4Text(value), rule: `${v4Text(value)}/24` });
    }
    const list = listOf(networks.map(({ rule }) => rule));
    let held = 0;
    for (const point of fc.sample(POINT, { numRuns: 500, seed: 2 })) {
      const expected = networks.some((network) => isIn(network, point));
      if (expected) held++;
      expect([point.text, allows(list, point.text)]).toEqual([point.text, expected]);
    }
    expect(held).toBeGreaterThan(10);
    expect(held).toBeLessThan(490);
  });

  it('has a bound', () => {
    const rules = Array.from({ length: ALLOWLIST_RULES_MAX + 1 }, () => '10.0.0.1');
    expect(Allowlist.parse(rules)).toMatchObject({ ok: false, fault: { index: ALLOWLIST_RULES_MAX } });
  });
});

describe('a wrong rule', () => {
  it.each([
    ...[
      '',
      ' ',
      '/',
      '/8',
      '10',
      '10.0',
      '10.0.0',
      '10.0.0.0.0',
      '10.0.0.',
      '.10.0.0',
      '256.0.0.1',
      '010.0.0.1',
      '0x0a.0.0.1',
    ],
    ...[
      '167772161',
      '10.0.0.0/',
      '10.0.0.0/33',
      '10.0.0.0/-1',
      '10.0.0.0/08',
      '10.0.0.0/8.0',
      '10.0.0.0/255.0.0.0',
      '10.0.0.0/8/8',
    ],
    ...[
      ' 10.0.0.0/8',
      '10.0.0.0/8 ',
      '10.0.0.0/8\n',
      '10.0.0.1\n',
      '10.0.0.0 /8',
      '10.0.0.*',
      'localhost',
      '1\u0660.0.0.1',
    ],
    ...[
      ':',
      ':::',
      '::1::',
      '1::2::3',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '12345::',
      'g::',
      '::/129',
      '::1/',
      '[::1]',
      '[::1]/128',
    ],
    ...[
      'fe80::1%eth0',
      'fe80::1%eth0/64',
      '::1.2.3',
      '::1.2.3.256',
      '1.2.3.4::',
      '::01.2.3.4',
      '::ffff:1.2.3.4/95',
      '::ffff:1.2.3.4/8',
    ],
    ...['1:2:3:4:5:6:7:1.2.3.4', ':1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8:', `${'1'.repeat(100)}`, '::/128/0', '::1\0'],
  ])('%j refuses the list and is the one that is named', (rule) => {
    expect(Allowlist.parse(['10.0.0.0/8', rule, 'nonsense'])).toMatchObject({ ok: false, fault: { index: 1 } });
    if (!rule.includes('/') && !rule.includes('%')) expect(parseAddress(rule)).toBeUndefined();
  });
});

describe('an address', () => {
  it('has one canonical text for all its spellings, which is read as the same address', () => {
    fc.assert(
      fc.property(POINT, SPELLING, ({ family, value, text }, spelling) => {
        const other = family === 'v4' ? v4Text(value) : v6Text(value, spelling);
        const canonical = `${parseAddress(text)}`;
        expect(`${parseAddress(other)}`).toBe(canonical);
        expect(parseAddress(canonical)).toEqual(parseAddress(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('leaves its zone out', () => {
    expect(`${parseAddress('fe80::1%eth0')}`).toBe('fe80::1');
    expect(`${parseAddress('::ffff:1.2.3.4%3')}`).toBe('1.2.3.4');
    expect(parseAddress('1.2.3.4%eth0')).toBeUndefined();
    expect(parseAddress('%eth0')).toBeUndefined();
  });

  it('knows loopback', () => {
    for (const text of ['127.0.0.1', '127.255.255.255', '::1', '::ffff:127.0.0.9']) {
      expect([text, parseAddress(text)?.isLoopback]).toEqual([text, true]);
    }
    for (const text of ['128.0.0.0', '126.255.255.255', '::', '::2', '1::1', '::127.0.0.1', '0.0.0.1']) {
      expect([text, parseAddress(text)?.isLoopback]).toEqual([text, false]);
    }
  });
});
