/** Commands about the process itself, next to redis-server where its answers do not depend on the moment. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import type { InsightPort, LatencyView, SlowEntryView } from '../../src/command/ports/insight.ts';
import type { ServerPort } from '../../src/command/ports/server.ts';
import type { SessionPort } from '../../src/command/ports/session.ts';
import { CommandTable } from '../../src/command/table.ts';
import { serverDeclarations } from '../../src/commands/server/family.ts';
import { latencyGraph } from '../../src/commands/server/latency-report.ts';
import { portcullis } from '../../src/commands/server/lolwut.ts';
import { shardDeclarations } from '../../src/commands/shard-families.ts';
import { unknownSubcommand, wrongArity } from '../../src/resp/refusals.ts';
import { ReplyWriter } from '../../src/resp/reply-writer.ts';
import { Request } from '../../src/resp/request.ts';
import { RedisServer, redisServerInstalled } from '../support/redis-server.ts';
import { RespClient } from '../support/resp-client.ts';

const table = new CommandTable([...shardDeclarations, ...serverDeclarations]);
const NOW_MS = 1_700_000_000_123;

interface Stored {
  readonly slow?: readonly SlowEntryView[];
  readonly latency?: readonly LatencyView[];
  readonly debug?: boolean;
}

function ours(
  words: readonly string[],
  protocol: 2 | 3 = 2,
  { slow = [], latency = [], debug = true }: Stored = {},
): string {
  const insight: Partial<InsightPort> = {
    slowlog: (count) => slow.slice(0, count),
    slowlogLength: () => slow.length,
    slowlogReset: () => {},
    latencyThreshold_ms: 0,
    latency: () => latency,
    latencyReset: (events) => events.length,
    histograms: () => [
      {
        name: 'config|get',
        calls: 2,
        rows: [
          [2, 1],
          [264, 2],
        ],
      },
      { name: 'get', calls: 1, rows: [[1, 1]] },
    ],
  };
  const server: Partial<ServerPort> = {
    insight: insight as InsightPort,
    startedAt_ms: NOW_MS,
    nowMs: () => NOW_MS,
    debugAllowed: () => debug,
    setActiveExpire: () => {},
  };
  const request = Request.of(...words);
  const out = new ReplyWriter(protocol);
  const command = table.resolve(request);
  if (command === undefined) out.error(unknownSubcommand((words[0] ?? '').toLowerCase(), words[1] ?? ''));
  else if (!command.arityHolds(request.argc)) out.error(wrongArity(command.fullName));
  else {
    const refused = command.parse(request);
    if (refused !== undefined) out.error(refused);
    else command.runSession?.({ session: {} as SessionPort, server: server as ServerPort, request }, out);
  }
  return latin1(out.take());
}

describe('SLOWLOG', () => {
  const slow = Array.from({ length: 12 }, (_, i) => ({
    id: 20 - i,
    time_s: 1_700_000_000,
    duration_us: 15 + i,
    words: ['GET', `k${i}`],
    address: '10.0.0.7:1',
    clientName: 'me',
  }));

  it('answers ten entries unasked, as many as wanted, or all', () => {
    expect(ours(['SLOWLOG', 'GET'], 2, { slow })).toMatch(
      /^\*10\r\n\*6\r\n:20\r\n:1700000000\r\n:15\r\n\*2\r\n\$3\r\nGET\r\n\$2\r\nk0\r\n\$10\r\n10\.0\.0\.7:1\r\n\$2\r\nme\r\n/,
    );
    expect(ours(['SLOWLOG', 'GET', '2'], 2, { slow })).toMatch(/^\*2\r\n/);
    expect(ours(['SLOWLOG', 'GET', '-1'], 2, { slow })).toMatch(/^\*12\r\n/);
    expect(ours(['SLOWLOG', 'GET', '0'], 2, { slow })).toBe('*0\r\n');
    expect(ours(['SLOWLOG', 'LEN'], 2, { slow })).toBe(':12\r\n');
  });
});

describe('LATENCY', () => {
  it('shows latest samples, history and histograms', () => {
    const latency = [
      {
        event: 'command',
        samples: [
          { time_s: 5, latency_ms: 30 },
          { time_s: 6, latency_ms: 10 },
        ],
        max_ms: 40,
      },
    ];
    expect(ours(['LATENCY', 'LATEST'], 2, { latency })).toBe('*1\r\n*4\r\n$7\r\ncommand\r\n:6\r\n:10\r\n:40\r\n');
    expect(ours(['LATENCY', 'HISTORY', 'command'], 2, { latency })).toBe(
      '*2\r\n*2\r\n:5\r\n:30\r\n*2\r\n:6\r\n:10\r\n',
    );
    expect(ours(['LATENCY', 'RESET', 'a', 'b'])).toBe(':2\r\n');
    // Shapes as redis-server 7.0.15 answers them; a container stands for all of its subcommands.
    const config =
      '$10\r\nconfig|get\r\n%2\r\n$5\r\ncalls\r\n:2\r\n$14\r\nhistogram_usec\r\n%2\r\n:2\r\n:1\r\n:264\r\n:2\r\n';
    expect(ours(['LATENCY', 'HISTOGRAM', 'CONFIG', 'nosuch'], 3)).toBe(`%1\r\n${config}`);
    expect(ours(['LATENCY', 'HISTOGRAM', 'conf'], 3)).toBe('%0\r\n');
    expect(ours(['LATENCY', 'HISTOGRAM', 'config'], 2)).toBe(`*2\r\n${config.replaceAll('%2', '*4')}`);
  });

  it('draws what redis-server draws of the same samples', () => {
    // DEBUG SLEEP 0.1, 0.15 and 0.3 on redis-server 7.0.15, and what it answered two seconds later.
    const samples = [
      { time_s: 100, latency_ms: 100 },
      { time_s: 101, latency_ms: 150 },
      { time_s: 102, latency_ms: 314 },
    ];
    expect(latencyGraph({ event: 'command', samples, max_ms: 314 }, 102)).toBe(
      `command - high 314 ms, low 100 ms (all time high 314 ms)\n${'-'.repeat(80)}\n  #\n  |\n  |\n_#|\n   \n210\nsss\n`,
    );
  });

  it('draws long histories in rows of eighty, old ones in minutes, hours and days', () => {
    const samples = Array.from({ length: 100 }, (_, i) => ({ time_s: i, latency_ms: 5 }));
    const lines = latencyGraph({ event: 'command', samples, max_ms: 5 }, 100).split('\n');
    expect(lines[5]).toBe('_'.repeat(80));
    expect(lines.filter((line) => line === '_'.repeat(20))).toHaveLength(1);
    const old = latencyGraph({ event: 'command', samples: [{ time_s: 0, latency_ms: 1 }], max_ms: 1 }, 200_000);
    expect(old.endsWith('_\n \n2\nd\n')).toBe(true);
  });
});

describe('LOLWUT', () => {
  it('draws within its bounds, whatever is asked', () => {
    const drawing = Buffer.from(ours(['LOLWUT', 'VERSION', '5', '9999999', '-4', '7']), 'latin1').toString();
    expect(drawing).toContain('Redis ver. 7.2.0\n');
    expect(drawing.length).toBeLessThan(1000);
    expect(ours(['LOLWUT', 'VERSION', 'x'])).toBe('-ERR value is not an integer or out of range\r\n');
    expect(portcullis(3, 4, 1)).toBe(portcullis(3, 4, 1));
    for (let seed = 0; seed < 50; seed++) expect(portcullis(3, 4, seed).split('\n')).toHaveLength(7);
  });
});

describe('DEBUG', () => {
  it('is off unless the process was started for tests', () => {
    for (const words of [
      ['SLEEP', '0'],
      ['ERROR', 'x'],
      ['PROTOCOL', 'string'],
      ['SET-ACTIVE-EXPIRE', '0'],
    ]) {
      expect(ours(['DEBUG', ...words], 2, { debug: false })).toMatch(/^-ERR DEBUG command not allowed/);
    }
  });
});

describe.skipIf(!redisServerInstalled)('redis-server answers the same (skipped where it is not installed)', () => {
  let server: RedisServer;
  let client: RespClient;

  beforeAll(async () => {
    server = await RedisServer.start('--enable-debug-command', 'yes');
    client = await RespClient.connect(server.port);
  });

  afterAll(() => {
    client?.close();
    server?.stop();
  });

  const CASES = [
    'SLOWLOG HELP',
    'SLOWLOG GET -2',
    'SLOWLOG GET abc',
    'SLOWLOG GET 1 2',
    'SLOWLOG LEN 1',
    'SLOWLOG NOSUCH',
    'LATENCY HELP',
    'LATENCY LATEST',
    'LATENCY HISTORY command',
    'LATENCY GRAPH command',
    'LATENCY GRAPH',
    'LATENCY RESET',
    'MEMORY HELP',
    'MEMORY PURGE',
    'MEMORY NOSUCH',
    'MODULE HELP',
    'MODULE LIST',
    'MODULE LIST 1',
    'MODULE LOAD x',
    'MODULE UNLOAD x',
    'MODULE LOADEX x',
    'CLUSTER HELP',
    'CLUSTER INFO',
    'CLUSTER SLOTS',
    'CLUSTER SLOTS 1',
    'CLUSTER NODES',
    'CLUSTER KEYSLOT a',
    'CLUSTER MYID',
    'CLUSTER NOSUCH',
    'READONLY',
    'READWRITE',
    'ASKING',
    'ASKING 1',
    'ROLE',
    'OBJECT HELP',
    'CONFIG HELP',
    'CONFIG REWRITE',
    'LOLWUT VERSION x',
    'DEBUG ERROR some',
    'DEBUG PROTOCOL nosuch',
    'DEBUG SET-ACTIVE-EXPIRE 1',
    ...'string integer double bignum null array set map attrib push verbatim true false'
      .split(' ')
      .map((type) => `DEBUG PROTOCOL ${type}`),
  ];

  it.each(CASES)('%s', async (line) => {
    const words = line.split(' ');
    // A push is no reply: our client would wait for one behind it.
    for (const protocol of line.endsWith(' push') ? ([2] as const) : ([2, 3] as const)) {
      await client.send('HELLO', String(protocol));
      expect(ours(words, protocol)).toBe(latin1(await client.send(...words)));
    }
  });

  it('CONFIG SET of the options of this family', async () => {
    await client.send('HELLO', '2');
    // Held against src/app/config by test/app/config.test.ts, whose texts are these.
    for (const [name, value, text] of [
      ['slowlog-log-slower-than', '-2', 'argument must be between -1 and 9223372036854775807 inclusive'],
      ['latency-tracking', 'maybe', "argument must be 'yes' or 'no'"],
      ['notify-keyspace-events', 'q', "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."],
      [
        'latency-tracking-info-percentiles',
        '101',
        'latency-tracking-info-percentiles parameters should sit between [0.0,100.0]',
      ],
      ['latency-tracking-info-percentiles', 'a', 'Invalid latency-tracking-info-percentiles parameters'],
    ] as const) {
      expect(latin1(await client.send('CONFIG', 'SET', name, value))).toBe(
        `-ERR CONFIG SET failed (possibly related to argument '${name}') - ${text}\r\n`,
      );
    }
  });
});
