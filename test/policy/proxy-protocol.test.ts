/** Which balancers are believed: a list that says too much or nothing never comes into force. */
import { expect, test } from 'vitest';
import { diffPolicies } from '../../src/policy/diff.ts';
import { policyOf, problemsOf } from './support.ts';

function gateway(listener: string, written: string): Record<string, string> {
  return { 'gateway.yaml': `listeners:\n  ${listener}:\n    proxy_protocol:${written}\n` };
}

test.each(['tls', 'plain'] as const)('%s: named balancers are believed, as they are understood', (listener) => {
  const policy = policyOf(gateway(listener, " { from: [10.0.0.5, '2001:db8::/32', 10.1.2.3/16] }"));
  expect(policy.gateway[listener].proxies?.rules).toEqual(['10.0.0.5/32', '2001:db8::/32', '10.1.0.0/16']);
  expect(policy.notes.map(({ line, message }) => `${line} ${message}`)).toEqual([
    '3 10.1.2.3/16 is read as 10.1.0.0/16',
  ]);
});

test('nothing said is nothing expected', () => {
  expect(policyOf(gateway('tls', '')).gateway.tls.proxies).toBeUndefined();
  expect(policyOf({}).gateway.plain.proxies).toBeUndefined();
});

test.each([
  [' { from: [0.0.0.0/0] }', /^gateway\.yaml:3:30: .*"0\.0\.0\.0\/0" would believe anybody/],
  [" { from: ['::/0'] }", /^gateway\.yaml:3:30: .*"::\/0" would believe anybody/],
  [" { from: ['::ffff:0.0.0.0/96'] }", /^gateway\.yaml:3:30: .*would believe anybody/],
  [' { from: [10.0.0.5, 0.0.0.0/1, 128.0.0.0/1] }', /^gateway\.yaml:3:40: .*would believe half the world/],
  [' { from: [] }', /^gateway\.yaml:3:29: .*must name the balancers/],
  [' {}', /^gateway\.yaml:3:21: "from" is missing/],
  [' true', /^gateway\.yaml:3:21: /],
  [' { from: 10.0.0.5 }', /^gateway\.yaml:3:29: /],
  [' { from: [010.0.0.5] }', /^gateway\.yaml:3:30: /],
  [' { from: [10.0.0.5], trust: all }', /^gateway\.yaml:3:41: .*unknown key/],
])('%s is refused where it stands', (written, expected) => {
  const problems = problemsOf(gateway('tls', written));
  expect(problems[0]).toMatch(expected);
});

test('whom to believe changes at once, whether to believe at all at a restart', () => {
  const off = policyOf({});
  const on = policyOf(gateway('tls', ' { from: [10.0.0.5] }'));
  const other = policyOf(gateway('tls', ' { from: [10.0.0.6] }'));
  const changes = (before: typeof off, after: typeof off) => {
    const { settings, restart } = diffPolicies(before, after);
    return { settings, restart };
  };
  expect(changes(on, other)).toEqual({ settings: ['listeners.tls.proxy_protocol.from'], restart: [] });
  expect(changes(off, on)).toEqual({ settings: [], restart: ['listeners.tls.proxy_protocol'] });
  expect(changes(on, off)).toEqual({ settings: [], restart: ['listeners.tls.proxy_protocol'] });
});
