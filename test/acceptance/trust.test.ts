import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { freePort } from '../support/ports.ts';
import { Serve } from './support/serve.ts';
import { Wire } from './support/wire.ts';

let serve: Serve;
beforeAll(async () => {
  serve = await Serve.start({ flags: ['--trust-loopback'], plainPort: await freePort() });
});
afterAll(() => serve.dispose());

describe('--trust-loopback', () => {
  it('warns, and needs no password on loopback', async () => {
    expect(serve.events('trust.loopback')).toHaveLength(1);
    const wire = await Wire.plain(serve.plainPort);
    expect(await wire.ask('SET', 'a', '1')).toBe('OK');
    expect(await wire.ask('ACL', 'WHOAMI')).toBe('default');
    expect(await wire.ask('FLUSHALL')).toBe('OK');
    wire.close();
    const overTls = await Wire.tls(serve);
    expect(await overTls.ask('PING')).toBe('PONG');
    overTls.close();
  });

  it('behaves as a bare redis-server: CONFIG SET, DEBUG, and its default limits', async () => {
    const wire = await Wire.plain(serve.plainPort);
    expect(await wire.ask('CONFIG', 'SET', 'maxmemory', '100mb', 'maxmemory-policy', 'allkeys-lru')).toBe('OK');
    expect(await wire.ask('CONFIG', 'GET', 'maxmemory')).toBe('["maxmemory","104857600"]');
    expect(await wire.ask('DEBUG', 'SLEEP', '0')).toBe('OK');
    expect(await wire.ask('CONFIG', 'GET', 'timeout')).toBe('["timeout","0"]');
    expect(await wire.ask('CONFIG', 'GET', 'proto-max-bulk-len')).toBe('["proto-max-bulk-len","536870912"]');
    expect(await wire.ask('CONFIG', 'GET', 'client-output-buffer-limit')).toContain(
      'normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60',
    );
    expect(await wire.ask('CONFIG', 'SET', 'maxmemory', '0', 'maxmemory-policy', 'noeviction')).toBe('OK');
    wire.close();
  });

  it('CONFIG SET maxmemory is lived by', async () => {
    const wire = await Wire.plain(serve.plainPort);
    await wire.ask('CONFIG', 'SET', 'maxmemory', '4mb');
    const answers = await Promise.all(
      Array.from({ length: 8000 }, (_, i) => wire.ask('SET', `k${i}`, 'x'.repeat(1000))),
    );
    expect(answers.filter((answer) => answer.startsWith('-OOM')).length).toBeGreaterThan(1000);
    await wire.ask('CONFIG', 'SET', 'maxmemory', '0');
    expect(await wire.ask('SET', 'a', 'b')).toBe('OK');
    await wire.ask('FLUSHALL');
    wire.close();
  });

  it('lifts caps per address and back-off', async () => {
    const wires = await Promise.all(Array.from({ length: 300 }, () => Wire.plain(serve.plainPort)));
    for (const answer of await Promise.all(wires.map((wire) => wire.ask('PING')))) expect(answer).toBe('PONG');
    const [first] = wires;
    for (let i = 0; i < 50; i++) expect(await first?.ask('AUTH', 'nobody', 'wrong')).toMatch(/^-WRONGPASS/);
    expect(await first?.ask('AUTH', 'app', serve.password('app'))).toBe('OK');
    for (const wire of wires) wire.close();
  });

  it('INFO shows operators everything with the names that tools read', async () => {
    const wire = await Wire.plain(serve.plainPort);
    await wire.ask('SET', 'a', '1');
    await wire.ask('GET', 'a');
    await wire.ask('GET', 'b');
    await wire.ask('INCR', 'a', 'b');
    const info = await wire.ask('INFO', 'everything');
    for (const name of [
      'redis_version:7.2.0',
      'redis_mode:standalone',
      'process_id:',
      'run_id:',
      'tcp_port:',
      'uptime_in_seconds:',
      'connected_clients:',
      'maxclients:10000',
      'blocked_clients:',
      'used_memory:',
      'used_memory_rss:',
      'used_memory_peak:',
      'maxmemory_policy:',
      'mem_fragmentation_ratio:',
      'total_commands_processed:',
      'total_net_input_bytes:',
      'keyspace_hits:',
      'keyspace_misses:',
      'expired_keys:',
      'evicted_keys:',
      'rejected_connections:',
      'role:master',
      'connected_slaves:0',
      'used_cpu_sys:',
      'used_cpu_user:',
      'cluster_enabled:0',
      'loading:0',
      'db0:keys=',
      '# Gateway',
    ]) {
      expect(info).toContain(name);
    }
    expect(info).toMatch(/cmdstat_get:calls=\d+,usec=\d+,usec_per_call=[\d.]+,rejected_calls=0,failed_calls=0/);
    expect(info).toMatch(/cmdstat_incr:calls=\d+,.*rejected_calls=1,failed_calls=0/);
    expect(info).toMatch(/errorstat_ERR:count=\d+/);
    expect(await wire.ask('CONFIG', 'RESETSTAT')).toBe('OK');
    expect(await wire.ask('INFO', 'commandstats')).not.toContain('cmdstat_get');
    wire.close();
  });

  it('INFO counts fields of hashes that expired', async () => {
    const wire = await Wire.plain(serve.plainPort);
    await wire.ask('HSET', 'fields', 'a', '1', 'b', '2', 'c', '3');
    await wire.ask('HPEXPIRE', 'fields', '1', 'FIELDS', '2', 'a', 'b');
    await vi.waitFor(async () => expect(await wire.ask('INFO', 'stats')).toContain('expired_subkeys:2\r\n'), 5000);
    expect(await wire.ask('CONFIG', 'RESETSTAT')).toBe('OK');
    // The figures of workers are told to begin anew, and INFO does not wait for them.
    await vi.waitFor(async () => expect(await wire.ask('INFO', 'stats')).toContain('expired_subkeys:0\r\n'), 5000);
    wire.close();
  });

  it('WAIT holds back what is behind it, CLIENT UNBLOCK ends it, and a client that leaves ends it too', async () => {
    const [waiting, other] = await Promise.all([Wire.plain(serve.plainPort), Wire.plain(serve.plainPort)]);
    const id = await waiting.ask('CLIENT', 'ID');
    const blocked = () => other.ask('INFO', 'clients').then((info) => /blocked_clients:(\d+)/.exec(info)?.[1]);
    await other.ask('SET', 'order', 'before');
    const replies = [waiting.ask('WAIT', '1', '0'), waiting.ask('GET', 'order')];
    await expect.poll(blocked).toBe('1');
    await other.ask('SET', 'order', 'after');
    expect(await other.ask('CLIENT', 'UNBLOCK', id, 'ERROR')).toBe('1');
    expect(await Promise.all(replies)).toEqual(['-UNBLOCKED client unblocked via CLIENT UNBLOCK', 'after']);
    expect(await other.ask('CLIENT', 'UNBLOCK', id)).toBe('0');
    waiting.ask('WAIT', '1', '0').catch(() => {});
    await expect.poll(blocked).toBe('1');
    waiting.close();
    await expect.poll(blocked).toBe('0');
    other.close();
  });
});
