import { describe, expect, it } from 'vitest';
import { Config } from '../../src/app/config/config.ts';
import { OPTIONS } from '../../src/app/config/options.ts';
import { REDIS_DEFAULTS, type Settings } from '../../src/app/config/settings.ts';
import { bytesOf } from '../../src/base/bytes.ts';

const FACTS = {
  bind: '127.0.0.1',
  plainPort: 0,
  tlsPort: 6380,
  dataFolder: '/srv/data',
  databases: 16,
  protectedMode: true,
  debugAllowed: false,
};
const OPERATOR = { isOperator: true, own: new Map<string, string>() };
const TENANT = { isOperator: false, own: new Map([['maxmemory', '1000']]) };

function made() {
  const applied: Settings[] = [];
  const config = new Config(REDIS_DEFAULTS, FACTS, (settings) => applied.push(settings));
  const get = (viewer: typeof OPERATOR, ...patterns: string[]) => config.get(patterns.map(bytesOf), viewer);
  const set = (...words: string[]) => {
    const pairs: [string, string][] = [];
    for (let i = 0; i < words.length; i += 2) pairs.push([words[i] ?? '', words[i + 1] ?? '']);
    return config.set(pairs)?.text;
  };
  return { config, applied, get, set };
}

describe('CONFIG GET', () => {
  it('finds names by pattern in any case, each once', () => {
    const { get } = made();
    expect(get(OPERATOR, 'MaxMemory')).toEqual([['maxmemory', '0']]);
    expect(get(OPERATOR, 'maxmemory', 'maxmemory', 'maxmemory-p*').map(([name]) => name)).toEqual([
      'maxmemory',
      'maxmemory-policy',
    ]);
    expect(get(OPERATOR, '*').length).toBe(OPTIONS.length);
    expect(get(OPERATOR, 'nothing', '__proto__', '')).toEqual([]);
  });

  it('shows a tenant its own budget and nothing of the machine', () => {
    const { get } = made();
    expect(get(TENANT, 'maxmemory')).toEqual([['maxmemory', '1000']]);
    const names = get(TENANT, '*').map(([name]) => name);
    for (const hidden of ['dir', 'bind', 'port', 'tls-port', 'requirepass']) expect(names).not.toContain(hidden);
    for (const shown of ['databases', 'maxclients', 'maxmemory']) expect(names).toContain(shown);
  });
});

describe('CONFIG SET', () => {
  it('sets several at once and tells whoever lives by them', () => {
    const { applied, get, set } = made();
    expect(set('MAXMEMORY', '64mb', 'maxmemory-policy', 'ALLKEYS-LRU', 'timeout', '10')).toBeUndefined();
    expect(applied.at(-1)).toMatchObject({
      maxmemoryBytes: 67_108_864,
      maxmemoryPolicy: 'allkeys-lru',
      timeoutSeconds: 10,
    });
    expect(get(OPERATOR, 'maxmemory')).toEqual([['maxmemory', '67108864']]);
  });

  it('sets none when one is wrong, with the words of redis-server', () => {
    const { applied, set } = made();
    const failed = (name: string, why: string) =>
      `ERR CONFIG SET failed (possibly related to argument '${name}') - ${why}`;
    const cases: [string[], string][] = [
      [['maxmemory', '5', 'foo', 'bar'], "ERR Unknown option or number of arguments for CONFIG SET - 'foo'"],
      [['maxmemory', 'abc'], failed('maxmemory', 'argument must be a memory value')],
      [['maxmemory', '-1'], failed('maxmemory', 'argument must be a memory value')],
      [['maxmemory', '1gb2'], failed('maxmemory', 'argument must be a memory value')],
      [['maxmemory', '1', 'maxmemory', '2'], failed('maxmemory', 'duplicate parameter')],
      [['maxclients', '0'], failed('maxclients', 'argument must be between 1 and 4294967295 inclusive')],
      [['maxmemory', '5mb', 'maxclients', 'x'], failed('maxclients', "argument couldn't be parsed into an integer")],
      [['maxclients', '0x10'], failed('maxclients', "argument couldn't be parsed into an integer")],
      [['dir', '/x'], failed('dir', "can't set protected config")],
      [['databases', '4'], failed('databases', "can't set immutable config")],
      [['lfu-log-factor', '-1'], failed('lfu-log-factor', 'argument must be between 0 and 2147483647 inclusive')],
      [
        ['proto-max-bulk-len', '1'],
        failed('proto-max-bulk-len', 'argument must be between 1048576 and 9223372036854775807 inclusive'),
      ],
      [
        ['maxmemory-policy', 'foo'],
        failed(
          'maxmemory-policy',
          'argument(s) must be one of the following: volatile-lru, volatile-lfu, volatile-random, volatile-ttl, allkeys-lru, allkeys-lfu, allkeys-random, noeviction',
        ),
      ],
      [
        ['client-output-buffer-limit', 'normal 1 2'],
        failed('client-output-buffer-limit', 'Wrong number of arguments in buffer limit configuration.'),
      ],
      [
        ['client-output-buffer-limit', 'foo 1 2 3'],
        failed('client-output-buffer-limit', 'Invalid client class specified in buffer limit configuration.'),
      ],
      [
        ['client-output-buffer-limit', 'normal 1 2 x'],
        failed(
          'client-output-buffer-limit',
          'Error in hard, soft or soft_seconds setting in buffer limit configuration.',
        ),
      ],
    ];
    for (const [words, text] of cases) expect(set(...words), words.join(' ')).toBe(text);
    expect(applied).toEqual([REDIS_DEFAULTS]);
  });

  it('reads the options of slow log, latency and events as redis-server does', () => {
    const { get, set } = made();
    const failed = (name: string, why: string) =>
      `ERR CONFIG SET failed (possibly related to argument '${name}') - ${why}`;
    const percentiles = 'latency-tracking-info-percentiles';
    for (const [name, value, why] of [
      ['slowlog-log-slower-than', '-2', 'argument must be between -1 and 9223372036854775807 inclusive'],
      // Redis takes any length here. An entry may take 4 KB, so there is a bound, and it is told.
      ['slowlog-max-len', '16385', 'argument must be between 0 and 16384 inclusive'],
      ['latency-monitor-threshold', '-1', 'argument must be between 0 and 9223372036854775807 inclusive'],
      ['latency-tracking', 'maybe', "argument must be 'yes' or 'no'"],
      ['notify-keyspace-events', 'q', "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."],
      [percentiles, '50 101', `${percentiles} parameters should sit between [0.0,100.0]`],
      [percentiles, '-1', `${percentiles} parameters should sit between [0.0,100.0]`],
      [percentiles, '50,99', `Invalid ${percentiles} parameters`],
      [percentiles, 'abc', `Invalid ${percentiles} parameters`],
    ] as const) {
      expect(set(name, value), `${name} ${value}`).toBe(failed(name, why));
    }
    for (const [name, value, shown] of [
      ['slowlog-log-slower-than', '-1', '-1'],
      ['latency-tracking', 'NO', 'no'],
      ['notify-keyspace-events', 'KEg$', 'g$KE'],
      [percentiles, '50 99.99 12.345678', '50 99.99 12.345678'],
      [percentiles, '', ''],
      ['tracking-table-max-keys', '0', '0'],
    ] as const) {
      expect(set(name, value), name).toBeUndefined();
      expect(get(OPERATOR, name)).toEqual([[name, shown]]);
    }
  });

  it('D165: lets nobody choose a place on the disk', () => {
    const { set } = made();
    for (const name of ['dir', 'dbfilename', 'appenddirname', 'aclfile', 'logfile', 'unixsocket', 'tls-key-file']) {
      expect(set(name, '/tmp/x'), name).toMatch(/^ERR (Unknown option|CONFIG SET failed)/);
    }
  });

  it('keeps the classes of output limits that were not named', () => {
    const { get, set } = made();
    expect(set('client-output-buffer-limit', 'replica 1mb 2kb 3 normal 1 2 3')).toBeUndefined();
    expect(get(OPERATOR, 'client-output-buffer-limit')).toEqual([
      ['client-output-buffer-limit', 'normal 1 2 3 slave 1048576 2048 3 pubsub 33554432 8388608 60'],
    ]);
  });
});
