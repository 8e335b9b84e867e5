/** What a started process tells of itself, to tenants and operators: in one thread, and where workers do the work. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Serve } from './support/serve.ts';
import { shown, Wire } from './support/wire.ts';

let serve: Serve;
let admin: Wire;
let one: Wire;
let two: Wire;

beforeAll(async () => {
  serve = await Serve.start({
    flags: ['--shards', process.env['PORTCULLIS_SHARDS'] ?? '1'],
    tenants: {
      t1: { users: [['t1-app', '~* &* +@all']] },
      t2: { users: [['t2-app', '~* &* +@all']] },
    },
  });
  admin = await Wire.as(serve, 'admin');
  one = await Wire.as(serve, 't1-app');
  two = await Wire.as(serve, 't2-app');
  expect(await admin.ask('CONFIG', 'SET', 'slowlog-log-slower-than', '0', 'latency-monitor-threshold', '1')).toBe('OK');
  // Settings travel to workers with the next batch, behind which this stands.
  await one.ask('PING');
});

afterAll(async () => {
  for (const wire of [admin, one, two]) wire?.close();
  await serve?.dispose();
});

async function slowWords(wire: Wire): Promise<string[]> {
  const entries = JSON.parse(shown(await wire.reply('SLOWLOG', 'GET', '-1'))) as [number, number, number, string[]][];
  return entries.map(([, , , words]) => words.join(' '));
}

describe('a tenant', () => {
  it('sees its own commands in the slow log, wherever they ran, and nobody else\u2019s', async () => {
    await one.ask('CLIENT', 'SETNAME', 'first');
    await one.ask('SET', 'of-one', 'x'.repeat(200));
    await one.ask('MSET', 'a', '1', 'b', '2', 'c', '3');
    await two.ask('SET', 'of-two', '1');
    await one.ask('ACL', 'GETUSER', 't1-app');
    const ofOne = await slowWords(one);
    expect(ofOne).toContain(`SET of-one ${'x'.repeat(128)}... (72 more bytes)`);
    expect(ofOne.some((words) => words.startsWith('MSET'))).toBe(true);
    expect(ofOne.join('\n')).not.toContain('of-two');
    expect(await slowWords(two)).toContain('SET of-two 1');
    const all = await slowWords(admin);
    expect(all.join('\n')).toContain('of-one');
    expect(all.join('\n')).toContain('of-two');
    expect(shown(await one.reply('SLOWLOG', 'GET', '-1'))).toMatch(
      /"SET","of-one","x+\.\.\. \(72 more bytes\)"\],"127\.0\.0\.1:\d+","first"\]/,
    );
  });

  it('sees what ran inside of its transactions, wherever that was', async () => {
    for (const line of ['MULTI', 'SET {t}a 1', 'HGETALL {t}h', 'EXEC']) await one.ask(...line.split(' '));
    const inside = (await slowWords(one)).filter((words) => words.includes('{t}'));
    expect(inside.toSorted()).toEqual(['HGETALL {t}h', 'SET {t}a 1']);
    expect(await one.ask('INFO', 'latencystats')).toContain('latency_percentiles_usec_exec:p50=');
  });

  it('empties its own slow log alone', async () => {
    expect(await two.ask('SLOWLOG', 'RESET')).toBe('OK');
    expect((await slowWords(two)).length).toBeLessThanOrEqual(2);
    expect((await slowWords(one)).length).toBeGreaterThan(2);
  });

  it('X105: is told of its own commands in INFO and LATENCY', async () => {
    await one.ask('RPUSH', 'l', ...Array.from({ length: 1000 }, (_, i) => `${i}`));
    await one.ask('LRANGE', 'l', '0', '-1');
    expect(await one.ask('INFO', 'commandstats')).toMatch(/cmdstat_lrange:calls=1,usec=[1-9]/);
    expect(await two.ask('INFO', 'commandstats')).not.toContain('cmdstat_lrange');
    expect(await one.ask('INFO', 'latencystats')).toMatch(/latency_percentiles_usec_lrange:p50=\d/);
    expect(await two.ask('INFO', 'latencystats')).not.toContain('lrange');
    expect(await one.ask('LATENCY', 'HISTOGRAM', 'lrange')).toContain('["lrange",["calls",1,"histogram_usec"');
    expect(await two.ask('LATENCY', 'HISTOGRAM', 'lrange')).toBe('[]');
    expect(await admin.ask('LATENCY', 'HISTOGRAM', 'lrange')).toContain('["lrange",["calls",1');
    for (const hidden of ['event-loop', 'cycle']) expect(await two.ask('LATENCY', 'LATEST')).not.toContain(hidden);
    for (const wire of [one, two]) expect(await wire.ask('DEBUG', 'SLEEP', '0')).toMatch(/^-NOPERM/);
  });

  it('resets its own statistics alone', async () => {
    await two.ask('GET', 'x');
    expect(await one.ask('CONFIG', 'RESETSTAT')).toBe('OK');
    expect(await one.ask('INFO', 'latencystats')).not.toContain('lrange');
    expect(await two.ask('INFO', 'latencystats')).toContain('usec_get:');
  });

  it('may watch its own commands, in the words redis-cli expects', async () => {
    const lines: string[] = [];
    const watcher = await Wire.as(serve, 't1-app');
    expect(await watcher.ask('MONITOR')).toBe('OK');
    await two.ask('SET', 'unseen', '1');
    await one.ask('SET', 'seen', '1');
    // The next line that comes answers what is asked here.
    void watcher.reply('PING').then((reply) => lines.push(shown(reply)));
    for (let i = 0; lines.length === 0 && i < 200; i++) {
      await one.ask('SET', 'seen', '2');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(lines[0]).toMatch(/^(PONG|\d+\.\d{6} \[0 127\.0\.0\.1:\d+\] "SET" "seen" "\d")$/);
    watcher.close();
  });
});

describe('an operator', () => {
  it('is shown every section of INFO and all options', async () => {
    const text = await admin.ask('INFO', 'everything');
    for (const title of ['Server', 'Clients', 'Memory', 'Persistence', 'Stats', 'Replication', 'CPU', 'Modules']) {
      expect(text).toContain(`# ${title}\r\n`);
    }
    for (const title of ['Commandstats', 'Errorstats', 'Latencystats', 'Cluster', 'Keyspace']) {
      expect(text).toContain(`# ${title}\r\n`);
    }
    const options = await admin.ask(
      'CONFIG',
      'GET',
      'maxclients',
      'databases',
      'maxmemory',
      'slowlog*',
      'latency*',
      'save',
    );
    for (const name of ['maxclients', 'databases', 'slowlog-max-len', 'latency-tracking-info-percentiles', 'save']) {
      expect(options).toContain(`"${name}"`);
    }
  });

  it('may refuse the background its keys, where workers hold them too', async () => {
    expect(await admin.ask('DEBUG', 'SET-ACTIVE-EXPIRE', '0')).toMatch(/^-ERR DEBUG command not allowed/);
  });
});
