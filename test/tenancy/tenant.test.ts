import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TENANTS_MAX } from '../../src/base/limits.ts';
import { NO_BUDGET, parseBytes } from '../../src/tenancy/budget.ts';
import { TenantRegistry, type TenantTerms } from '../../src/tenancy/tenant.ts';

function terms(name: string, more: Partial<TenantTerms> = {}): TenantTerms {
  return { name, budget: NO_BUDGET, addresses: undefined, suspended: false, ...more };
}

function applied(tenants: TenantRegistry, ...names: readonly string[]) {
  const result = tenants.apply(
    names.map((name) => terms(name)),
    0,
  );
  if (!result.ok) throw new Error(result.fault);
  const namesOf = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);
  const { added, updated, retired } = result.value;
  return { added: namesOf(added), updated: namesOf(updated), retired: namesOf(retired) };
}

describe('tenants', () => {
  it('are added in the order given, with dense numbers from 0', () => {
    const tenants = new TenantRegistry();
    expect(applied(tenants, 'default', 'system', 'a')).toEqual({
      added: ['default', 'system', 'a'],
      updated: [],
      retired: [],
    });
    expect(tenants.all().map(({ number, name, isSystem }) => [number, name, isSystem])).toEqual([
      [0, 'default', false],
      [1, 'system', true],
      [2, 'a', false],
    ]);
    expect(tenants.get('a')).toBe(tenants.at(2));
    expect(tenants.get('__proto__')).toBeUndefined();
    expect(tenants.at(3)).toBeUndefined();
  });

  it('retire when no longer named, once, and come back as whom they were', () => {
    const tenants = new TenantRegistry();
    applied(tenants, 'a', 'b');
    const b = tenants.get('b');
    expect(applied(tenants, 'a')).toEqual({ added: [], updated: ['a'], retired: ['b'] });
    expect(b).toMatchObject({ state: 'retired', isOpen: false });
    expect(applied(tenants, 'a').retired).toEqual([]);
    expect(applied(tenants, 'a', 'b')).toEqual({ added: [], updated: ['a', 'b'], retired: [] });
    expect(tenants.get('b')).toBe(b);
    expect(b).toMatchObject({ state: 'active', isOpen: true });
  });

  it('are forgotten only when retired and left by everybody; then the number is free', () => {
    const tenants = new TenantRegistry();
    applied(tenants, 'a', 'b', 'c');
    expect(tenants.forget('nosuch')).toBe(false);
    expect(tenants.forget('a')).toBe(false);
    applied(tenants, 'b', 'c');
    const a = tenants.get('a');
    if (a === undefined) throw new Error('a is gone');
    a.connections = 1;
    expect(tenants.forget('a')).toBe(false);
    a.connections = 0;
    expect(tenants.forget('a')).toBe(true);
    expect(tenants.forget('a')).toBe(false);
    expect([tenants.get('a'), tenants.at(0)]).toEqual([undefined, undefined]);
    applied(tenants, 'b', 'c', 'd', 'e');
    expect(tenants.all().map(({ name, number }) => `${number} ${name}`)).toEqual(['0 d', '1 b', '2 c', '3 e']);
  });

  it('feel new terms in place, and are shut while suspended', () => {
    const tenants = new TenantRegistry();
    applied(tenants, 'a');
    const a = tenants.get('a');
    const budget = { ...NO_BUDGET, connections: 2, commandsPerSecond: 3, bytesInPerSecond: 4, bytesOutPerSecond: 5 };
    expect(tenants.apply([terms('a', { budget, suspended: true })], 0).ok).toBe(true);
    expect(a).toMatchObject({ state: 'suspended', isOpen: false, budget });
    expect([a?.rates.commands.rate, a?.rates.bytesIn.rate, a?.rates.bytesOut.rate]).toEqual([3, 4, 5]);
    expect(tenants.apply([terms('s', { suspended: true })], 0).ok).toBe(true);
    expect(tenants.get('s')?.state).toBe('suspended');
  });

  it('have room for as many connections as their budget says', () => {
    const tenants = new TenantRegistry();
    tenants.apply([terms('a', { budget: { ...NO_BUDGET, connections: 2 } }), terms('b')], 0);
    const rooms = (name: string) =>
      [0, 1, 2, 3].map((connections) => {
        const tenant = tenants.get(name);
        if (tenant === undefined) throw new Error(name);
        tenant.connections = connections;
        return tenant.hasRoomForConnection;
      });
    expect(rooms('a')).toEqual([true, true, false, false]);
    expect(rooms('b')).toEqual([true, true, true, true]);
  });

  it('stay as they are when terms are refused', () => {
    const tenants = new TenantRegistry();
    applied(tenants, 'a', 'b');
    expect(tenants.apply([terms('c'), terms('d', { suspended: true }), terms('c')], 0)).toMatchObject({ ok: false });
    const many = Array.from({ length: TENANTS_MAX - 1 }, (_, i) => terms(`t${i}`));
    expect(tenants.apply(many, 0)).toMatchObject({ ok: false });
    expect(tenants.all().map(({ name, state }) => `${name} ${state}`)).toEqual(['a active', 'b active']);
    expect(tenants.apply(many.slice(1).concat(terms('a'), terms('b')), 0).ok).toBe(true);
    expect(tenants.all()).toHaveLength(TENANTS_MAX);
  });

  it('keep one number for one name, whatever is applied and forgotten', () => {
    const STEP = fc.oneof(
      fc.uniqueArray(fc.constantFrom<string>('a', 'b', 'c', 'd', 'e'), { maxLength: 5 }).map((names) => ({ names })),
      fc.constantFrom('a', 'b', 'c', 'd', 'e').map((forgotten) => ({ forgotten })),
    );
    fc.assert(
      fc.property(fc.array(STEP, { maxLength: 30 }), (steps) => {
        const tenants = new TenantRegistry();
        const model = new Map<string, { readonly number: number; active: boolean }>();
        for (const step of steps) {
          if ('names' in step) {
            const { added } = applied(tenants, ...step.names);
            expect(added).toEqual(step.names.filter((name) => !model.has(name)));
            for (const [name, one] of model) one.active = step.names.includes(name);
            for (const name of added) {
              const taken = new Set<number>(Array.from(model.values(), ({ number }) => number));
              const free = [0, 1, 2, 3, 4].find((number) => !taken.has(number)) ?? -1;
              model.set(name, { number: free, active: true });
            }
          } else {
            const known = model.get(step.forgotten);
            expect(tenants.forget(step.forgotten)).toBe(known !== undefined && !known.active);
            if (known?.active === false) model.delete(step.forgotten);
          }
          const seen = tenants.all().map(({ name, number, isOpen }) => [name, number, isOpen]);
          const expected = Array.from(model, ([name, { number, active }]) => [name, number, active] as const);
          expect(seen).toEqual(expected.toSorted((a, b) => a[1] - b[1]));
        }
      }),
    );
  });
});

describe('bytes', () => {
  it.each([
    ['0', 0],
    ['4096', 4096],
    ['1b', 1],
    ['1k', 1000],
    ['1KB', 1024],
    ['3m', 3_000_000],
    ['64mb', 67_108_864],
    ['1g', 1e9],
    ['1Gb', 1_073_741_824],
    ['007', 7],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ])('%s are %d', (text, bytes) => {
    expect(parseBytes(text)).toEqual({ ok: true, value: bytes });
  });

  it.each([
    '',
    ' ',
    'mb',
    '-1',
    '+1',
    '1.5mb',
    '1 mb',
    '1mb ',
    '1tb',
    '1kib',
    '0x10',
    '1e3',
    '9007199254740992',
    '9007199254740991k',
    '\u0661',
    '1\n',
  ])('%j are none', (text) => {
    expect(parseBytes(text).ok).toBe(false);
  });
});
