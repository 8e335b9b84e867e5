/** redis-cli itself in each of its modes, over TLS, against a started process: what people reach for first. */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/ports.ts';
import { Serve } from './support/serve.ts';

const installed = spawnSync('redis-cli', ['--version']).status === 0;
const hint = installed ? '' : ' (skipped: redis-cli is not installed)';
const RUN_MS_MAX = 30_000;
const SHARDS = process.env['PORTCULLIS_SHARDS'] ?? '1';

interface Run {
  readonly output: string;
  readonly code: number | null;
}

interface Order {
  readonly input?: string;
  /** Ended as soon as this is in its output: for modes that never end. */
  readonly until?: (output: string) => boolean;
  /** Once it runs. */
  readonly meanwhile?: () => Promise<unknown>;
}

let serve: Serve;

function redisCli(args: readonly string[], { input = '', until, meanwhile }: Order = {}): Promise<Run> {
  const ca = join(serve.folder, 'certs', 'ca.pem');
  const connection = ['-h', '127.0.0.1', '-p', String(serve.tlsPort), '--tls', '--cacert', ca];
  const login = ['--user', 'admin', '--pass', serve.password('admin'), '--no-auth-warning'];
  return new Promise((resolve) => {
    const child = spawn('redis-cli', [...connection, ...login, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), RUN_MS_MAX);
    let output = '';
    const take = (chunk: Buffer) => {
      output += chunk.toString();
      if (until?.(output)) child.kill('SIGKILL');
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ output, code });
    });
    // One that needs no input may have gone before it comes.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    void meanwhile?.();
  });
}

async function ask(...words: readonly string[]): Promise<string> {
  return (await redisCli(words)).output.trimEnd();
}

describe.skipIf(!installed)(`redis-cli over TLS${hint}`, () => {
  beforeAll(async () => {
    serve = await Serve.start({
      flags: ['--trust-loopback', '--shards', SHARDS],
      plainPort: await freePort(),
    });
    expect(await ask('CONFIG', 'SET', 'maxmemory', '100mb', 'maxmemory-policy', 'allkeys-lfu')).toBe('OK');
  });

  afterAll(async () => {
    await serve?.dispose();
  });

  it('--pipe loads what it is given, in order and all of it', async () => {
    const requests: string[] = [];
    for (let i = 0; i < 200; i++) {
      requests.push(`SET string:${i} ${'x'.repeat(i + 1)}`, `RPUSH list:${i} a b c`, `HSET hash:${i} f v`);
    }
    const { output, code } = await redisCli(['--pipe'], { input: `${requests.join('\n')}\n` });
    expect(output).toContain('errors: 0, replies: 600');
    expect(code).toBe(0);
    expect(await ask('DBSIZE')).toBe('600');
  });

  it('--scan walks all keys once', async () => {
    const all = (await ask('--scan')).split('\n');
    expect(new Set(all).size).toBe(600);
    expect(all).toHaveLength(600);
    expect((await ask('--scan', '--pattern', 'list:1?')).split('\n').sort()[0]).toBe('list:10');
  });

  it('--bigkeys and --memkeys find the largest', async () => {
    const big = await ask('--bigkeys');
    expect(big).toContain('Sampled 600 keys in the keyspace!');
    expect(big).toContain('Biggest string found \'"string:199"\' has 200 bytes');
    expect(big).toMatch(/200 hashs with 200 fields/);
    const memory = await ask('--memkeys');
    expect(memory).toContain('Sampled 600 keys in the keyspace!');
    expect(memory).toMatch(/Biggest string found '"string:1\d\d"' has \d+ bytes/);
  });

  it('--hotkeys counts under an LFU policy', async () => {
    for (let i = 0; i < 3; i++) await redisCli(['-r', '200', 'GET', 'string:7']);
    expect(await ask('--hotkeys')).toMatch(/hot key found with counter: \d+\s+keyname: "string:7"/);
  });

  it('--stat prints a line of figures each time', async () => {
    // It writes its lines in blocks of 4 KB when nobody looks.
    const { output } = await redisCli(['--stat', '-i', '0.01'], { until: (text) => text.split('\n').length > 20 });
    expect(output).toMatch(/keys\s+mem\s+clients\s+blocked\s+requests\s+connections/);
    expect(output).toMatch(/\n600\s+\d+\.\d+[KM]\s+\d+\s+0\s+\d+ \(\+\d+\)\s+\d+/);
  });

  it('--latency, --latency-history and --latency-dist measure', async () => {
    expect(await ask('--latency')).toMatch(/^\d+ \d+ \d+\.\d+ \d+$/m);
    const history = await redisCli(['--latency-history', '-i', '0.01', '--raw'], {
      until: (text) => text.split('\n').length > 3,
    });
    expect(history.output).toMatch(/\d+ \d+ \d+\.\d+ \d+/);
    const distribution = await redisCli(['--latency-dist', '-i', '0.05'], {
      until: (text) => text.includes('.01 .125'),
    });
    expect(distribution.output).toContain('milliseconds');
  });

  it('MONITOR shows what others do', async () => {
    let again: ReturnType<typeof setInterval> | undefined;
    const { output } = await redisCli(['MONITOR'], {
      until: (text) => text.includes('"SET" "watched" "1"'),
      meanwhile: async () => {
        again = setInterval(() => void redisCli(['SET', 'watched', '1']), 300);
      },
    });
    clearInterval(again);
    expect(output).toMatch(/^OK\n/);
    expect(output).toMatch(/^\d+\.\d{6} \[0 127\.0\.0\.1:\d+\] "SET" "watched" "1"$/m);
    expect(output).not.toContain(serve.password('admin'));
  });

  it('asks for the slow log, latency and memory, and gets what it understands', async () => {
    await ask('CONFIG', 'SET', 'slowlog-log-slower-than', '0', 'latency-monitor-threshold', '1');
    await ask('DEBUG', 'SLEEP', '0.05');
    await ask('CONFIG', 'SET', 'slowlog-log-slower-than', '-1');
    expect(await ask('SLOWLOG', 'GET', '-1')).toContain('DEBUG\nSLEEP\n0.05\n127.0.0.1:');
    expect(await ask('LATENCY', 'LATEST')).toMatch(/^command\n\d+\n\d+\n\d+/m);
    expect(await ask('LATENCY', 'GRAPH', 'command')).toMatch(/^command - high \d+ ms, low \d+ ms/);
    expect(await ask('LATENCY', 'HISTOGRAM', 'set')).toMatch(/^set\ncalls\n\d+\nhistogram_usec\n/);
    expect(await ask('MEMORY', 'STATS')).toContain('keys.count\n601\n');
    expect(await ask('INFO', 'latencystats')).toMatch(/latency_percentiles_usec_set:p50=\d+\.\d{3},p99=/);
    expect(await ask('LOLWUT')).toContain('Redis ver. 7.2.0');
  });
});
