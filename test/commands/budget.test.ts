import { describe, expect, it } from 'vitest';
import { Harness } from '../support/harness.ts';
import { rendered } from '../support/render.ts';

const OOM = "(error) OOM command not allowed when used memory > 'maxmemory'.";
const LIMIT = 1024 * 1024;

function full() {
  const harness = new Harness({ debug: true, limitBytes: LIMIT });
  const session = harness.session();
  const run = (...words: string[]) => rendered(session.run(words));
  const used = () => harness.shard.realm(0).account.usedBytes();
  return { harness, run, used };
}

describe('a tenant at its memory limit', () => {
  it('is refused within one per cent of it, and never before', () => {
    const { run, used } = full();
    let written = 0;
    while (run('SET', `key:${written}`, 'v'.repeat(500)) === 'OK') written++;
    expect(written).toBeGreaterThan(1000);
    expect(used()).toBeLessThanOrEqual(LIMIT);
    expect(used()).toBeGreaterThan(LIMIT * 0.99);
    expect(run('SET', 'another', 'v'.repeat(500))).toBe(OOM);
    expect(run('EXISTS', 'another')).toBe('(integer) 0');
  });

  it('reads and deletes, and may write again after that', () => {
    const { run } = full();
    let written = 0;
    while (run('SET', `key:${written}`, 'v'.repeat(500)) === 'OK') written++;
    expect(run('GET', 'key:0')).toContain('vvv');
    expect(run('EXPIRE', 'key:0', '100')).toBe('(integer) 1');
    expect(run('RENAME', 'key:0', 'renamed')).toBe('OK');
    expect(run('DEL', 'key:1', 'key:2')).toBe('(integer) 2');
    expect(run('SET', 'key:1', 'v'.repeat(500))).toBe('OK');
  });

  it('R137: is refused a huge SETRANGE before anything is allocated for it', () => {
    const { harness, run } = full();
    const before = harness.shard.arena.allocatedBytes;
    expect(run('SETRANGE', 'k', '536870911', 'x')).toBe(OOM);
    expect(run('SET', 'k', 'v')).toBe('OK');
    expect(run('SETRANGE', 'k', '536870911', 'x')).toBe(OOM);
    expect(run('GET', 'k')).toBe('"v"');
    expect(harness.shard.arena.peakAllocatedBytes).toBeLessThan(before + 64 * 1024);
  });

  it('is refused by every command that makes values longer, and none of them leaves half a change', () => {
    const { run } = full();
    run('SET', 'half', 'v'.repeat(LIMIT * 0.55));
    const huge = 'w'.repeat(LIMIT * 0.6);
    expect(run('APPEND', 'half', huge)).toBe(OOM);
    expect(run('STRLEN', 'half')).toBe(`(integer) ${Math.floor(LIMIT * 0.55)}`);
    expect(run('COPY', 'half', 'copy')).toBe(OOM);
    expect(run('EXISTS', 'copy')).toBe('(integer) 0');
    expect(run('MSET', 'small', '1', 'large', huge)).toBe(OOM);
    expect(run('EXISTS', 'small', 'large')).toBe('(integer) 0');
    expect(run('MSETNX', 'small', '1', 'large', huge)).toBe(OOM);
    for (const words of [
      ['SET', 'large', huge],
      ['SET', 'large', huge, 'GET'],
      ['SET', 'large', huge, 'NX', 'EX', '10'],
      ['SETNX', 'large', huge],
      ['SETEX', 'large', '10', huge],
      ['PSETEX', 'large', '10', huge],
      ['GETSET', 'large', huge],
      ['APPEND', 'large', huge],
    ]) {
      expect(run(...words)).toBe(OOM);
      expect(run('DBSIZE')).toBe('(integer) 1');
    }
  });

  it('grows a string to the last byte, without slack that it cannot pay', () => {
    const { run, used } = full();
    run('SET', 'k', 'v'.repeat(LIMIT * 0.8));
    // Blocks come in sizes: the last one may be longer than asked for.
    while (run('APPEND', 'k', 'v'.repeat(1000)) !== OOM) expect(used()).toBeLessThanOrEqual(LIMIT * 1.01);
    expect(used()).toBeGreaterThan(LIMIT * 0.98);
  });

  it('loses keys instead where its policy evicts', () => {
    const { harness, run, used } = full();
    harness.shard.realm(0).account.policy = 'allkeys-random';
    harness.shard.policyChanged();
    for (let i = 0; i < 5000; i++) expect(run('SET', `key:${i}`, 'v'.repeat(500))).toBe('OK');
    for (let i = 0; i < 2000; i++) expect(run('APPEND', `key:${i % 50}`, 'v'.repeat(100))).toMatch(/integer/);
    expect(used()).toBeLessThanOrEqual(LIMIT * 1.01);
    expect(harness.shard.realm(0).statistics.evicted).toBeGreaterThan(1000);
    harness.shard.arena.check();
  });
});
