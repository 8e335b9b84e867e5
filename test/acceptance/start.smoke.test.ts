import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort } from '../support/ports.ts';
import { ROOT, Serve } from './support/serve.ts';
import { Wire } from './support/wire.ts';

const running: Serve[] = [];
afterEach(async () => {
  for (const serve of running.splice(0)) await serve.dispose();
});

async function start(...args: Parameters<typeof Serve.start>): Promise<Serve> {
  const serve = await Serve.start(...args);
  running.push(serve);
  return serve;
}

async function spawned(...args: Parameters<typeof Serve.spawn>): Promise<Serve> {
  const serve = await Serve.spawn(...args);
  running.push(serve);
  return serve;
}

/** The lines for people that a start which failed leaves. */
function lines(serve: Serve): string[] {
  return serve.stderr.split('\n').filter((line) => line !== '');
}

function launch(...args: string[]): { code: number | null; stdout: string; stderr: string } {
  const ended = spawnSync(process.execPath, [join(ROOT, 'src/launch.mjs'), 'start', ...args], { encoding: 'utf8' });
  return { code: ended.status, stdout: ended.stdout, stderr: ended.stderr };
}

const redisCliInstalled = spawnSync('redis-cli', ['--version']).status === 0;
const hint = redisCliInstalled ? '' : ' (skipped: redis-cli is not installed)';

describe('a first start', () => {
  it('makes certificates and passwords, prints one line, and ends with 0', async () => {
    const serve = await start();
    const certs = join(serve.folder, 'certs');
    for (const name of ['ca.pem', 'server.pem', 'server.key', 'client.pem', 'client.key']) {
      expect(statSync(join(certs, name)).size).toBeGreaterThan(0);
    }
    for (const name of ['server.key', 'app.password', 'admin.password']) {
      expect(statSync(join(certs, name)).mode & 0o777, name).toBe(0o600);
    }
    expect(serve.stdout).toBe(
      `redis-cli -h 127.0.0.1 -p ${serve.tlsPort} --tls --cacert ${certs}/ca.pem --user app --pass "$(cat ${certs}/app.password)"\n`,
    );
    expect(serve.stderr).toContain('"msg":"READY"');
    expect(serve.stderr).not.toContain(serve.password('app'));
    expect(await serve.stop()).toEqual({ code: 0, signal: null });
    expect(serve.stdout.split('\n')).toHaveLength(2);
  });

  it.skipIf(!redisCliInstalled)(`prints a line that works from any folder${hint}`, async () => {
    const serve = await start();
    const pasted = spawnSync('sh', ['-c', `${serve.stdout.trim()} SET greeting hello`], { cwd: '/', encoding: 'utf8' });
    expect(pasted.stdout.trim()).toBe('OK');
    const read = spawnSync('sh', ['-c', `${serve.stdout.trim()} GET greeting`], { cwd: '/', encoding: 'utf8' });
    expect(read.stdout.trim()).toBe('hello');
  });

  it('keeps its passwords over a restart', async () => {
    const first = await start();
    const password = first.password('app');
    await first.stop();
    const again = await start({ folder: first.folder, tlsPort: first.tlsPort });
    expect(again.password('app')).toBe(password);
    const wire = await Wire.as(again, 'app');
    expect(await wire.ask('ACL', 'WHOAMI')).toBe('app');
    wire.close();
  });

  it.skipIf(!redisCliInstalled)(`quotes folders with blanks in the line to paste${hint}`, async () => {
    const folder = join((await spawned()).folder, 'a folder with blanks');
    mkdirSync(folder);
    const serve = await start({ folder });
    const pasted = spawnSync('sh', ['-c', `${serve.stdout.trim()} PING`], { cwd: '/', encoding: 'utf8' });
    expect(pasted.stdout.trim()).toBe('PONG');
  });
});

describe('a start that cannot work fails with one clear line', () => {
  it('when the data folder is in use', async () => {
    const first = await start();
    const second = await spawned({ folder: first.folder });
    expect((await second.ended).code).toBe(1);
    expect(lines(second)).toEqual([expect.stringMatching(/data folder .* is in use by process \d+/)]);
    expect(second.stdout).toBe('');
  });

  it('but not when the holder of the data folder was killed', async () => {
    const first = await start();
    process.kill(first.pid, 'SIGKILL');
    await first.ended;
    const second = await start({ folder: first.folder });
    expect(second.stdout).not.toBe('');
  });

  it('when the port is busy', async () => {
    const port = await freePort();
    const holder = createServer().listen(port, '127.0.0.1');
    const serve = await spawned({ tlsPort: port });
    expect((await serve.ended).code).toBe(1);
    holder.close();
    expect(lines(serve)).toEqual([expect.stringMatching(new RegExp(`127\\.0\\.0\\.1:${port}.*in use`))]);
  });

  it('when a policy is wrong, with its place', async () => {
    const serve = await spawned({ gateway: 'limits:\n  nosuch: 1\n' });
    expect((await serve.ended).code).toBe(1);
    expect(lines(serve)).toEqual([expect.stringMatching(/gateway\.yaml:2:\d+: .*nosuch/)]);
  });

  it('when the key does not belong to the certificate, or cannot be read', async () => {
    const first = await start();
    await first.stop();
    const keyPath = join(first.folder, 'certs', 'server.key');
    const key = readFileSync(keyPath);
    writeFileSync(keyPath, 'not a key');
    // Our own development set is made anew as a whole.
    const healed = await start({ folder: first.folder });
    expect(healed.stdout).not.toBe('');
    await healed.stop();
    if (process.getuid?.() !== 0) {
      chmodSync(keyPath, 0o000);
      const refused = await spawned({ folder: first.folder });
      expect((await refused.ended).code).toBe(1);
      expect(lines(refused)).toHaveLength(1);
      chmodSync(keyPath, 0o600);
    }
    writeFileSync(keyPath, key);
  });

  it('when a flag is unknown or has a bad value', () => {
    for (const args of [['--nosuch'], ['--tls-port', 'x'], ['--shards', '0'], ['frobnicate'], ['--tls-port', '0']]) {
      const { code, stdout, stderr } = launch(...args);
      expect(code, args.join(' ')).toBe(1);
      expect(stdout).toBe('');
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }
  });

  it('when the trusted loopback is asked for on another address', () => {
    const { code, stderr } = launch(
      '--trust-loopback',
      '--bind',
      '0.0.0.0',
      '--tls-port',
      '0',
      '--plain-port',
      '17999',
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/--trust-loopback .*loopback/);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});

describe('the command line', () => {
  it('helps, and tells its version', () => {
    const help = launch('--help');
    expect(help.code).toBe(0);
    for (const flag of [
      '--bind',
      '--tls-port',
      '--plain-port',
      '--data',
      '--policies',
      '--certs',
      '--shards',
      '--trust-loopback',
      '--runtime',
    ]) {
      expect(help.stdout).toContain(flag);
    }
    for (const subcommand of ['serve', 'check', 'check-rdb', 'explain', 'certs'])
      expect(help.stdout).toContain(subcommand);
    expect(launch('--version').stdout).toMatch(/^portcullis \d+\.\d+\.\d+\n$/);
  });

  it('checks an RDB file', async () => {
    const serve = await spawned();
    const path = join(serve.folder, 'dump.rdb');
    writeFileSync(path, Buffer.from('REDIS0003\xfe\x00\x00\x01k\x01v\xff', 'latin1'));
    const good = launch('check-rdb', path);
    expect([good.code, good.stderr]).toEqual([0, '']);
    expect(good.stdout).toMatch(/^version +3\ndefault database 0 +1 key\n(?:.*\n)*good\n$/);
    writeFileSync(path, Buffer.from('REDIS0003\xfe\x00\x00\x01k', 'latin1'));
    const broken = launch('check-rdb', path);
    expect([broken.code, broken.stderr]).toEqual([1, '']);
    expect(broken.stdout).toContain('offset 14: the file ends too early');
  });

  it('makes certificates without serving', async () => {
    const serve = await spawned();
    const folder = join(serve.folder, 'other');
    const made = launch('certs', '--certs', folder);
    expect(made.code).toBe(0);
    expect(statSync(join(folder, 'ca.pem')).size).toBeGreaterThan(0);
  });
});
