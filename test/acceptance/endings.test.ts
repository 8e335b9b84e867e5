import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Serve, writeTenant } from './support/serve.ts';
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

/** Sends INCRs in batches until told to stop or cut; counts what was acknowledged, and that replies come in order. */
class Load {
  acknowledged = 0;
  errors: string[] = [];
  private readonly wire: Wire;
  private readonly key: string;
  private stopped = false;
  readonly done: Promise<void>;

  constructor(wire: Wire, key: string) {
    this.wire = wire;
    this.key = key;
    this.done = this.run();
  }

  stop(): Promise<void> {
    this.stopped = true;
    return this.done;
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      const batch = Array.from({ length: 20 }, () =>
        this.wire.ask('INCR', this.key).catch((error: Error) => `gone ${error.message}`),
      );
      for (const answer of batch) {
        const text = await answer;
        if (text === String(this.acknowledged + 1)) this.acknowledged++;
        else if (text.startsWith('gone')) this.stopped = true;
        else this.errors.push(text);
      }
    }
  }
}

describe('SIGTERM under load', () => {
  it('loses no acknowledged reply, answers in order to the end, and exits with 0', async () => {
    const serve = await start();
    const wires = await Promise.all(Array.from({ length: 10 }, () => Wire.as(serve, 'app')));
    const loads = wires.map((wire, i) => new Load(wire, `counter:${i}`));
    await new Promise((resolve) => setTimeout(resolve, 500));
    const ending = await serve.stop();
    await Promise.all(loads.map((load) => load.done));
    expect(ending).toEqual({ code: 0, signal: null });
    for (const load of loads) {
      expect(load.acknowledged).toBeGreaterThan(0);
      expect(load.errors.filter((text) => !text.includes('shutting down'))).toEqual([]);
    }
  });

  it('ends within a bound although clients stay silent or do not read', async () => {
    const serve = await start();
    const idle = await Wire.as(serve, 'app');
    const stranger = await Wire.tls(serve);
    const ending = await serve.stop();
    expect(ending).toEqual({ code: 0, signal: null });
    await Promise.all([idle.closed, stranger.closed]);
  });

  it('SHUTDOWN by an operator is the same, and by others refused', async () => {
    const serve = await start();
    const app = await Wire.as(serve, 'app');
    expect(await app.ask('SHUTDOWN', 'NOSAVE')).toMatch(/^-NOPERM/);
    const admin = await Wire.as(serve, 'admin');
    await expect(admin.ask('SHUTDOWN', 'NOSAVE')).rejects.toThrow('closed');
    expect(await serve.ended).toEqual({ code: 0, signal: null });
  });
});

describe('reload under load', () => {
  it('drops no connection, and lets a new tenant in', async () => {
    const serve = await start();
    const wires = await Promise.all(Array.from({ length: 5 }, () => Wire.as(serve, 'app')));
    const loads = wires.map((wire, i) => new Load(wire, `counter:${i}`));
    for (let round = 0; round < 5; round++) {
      writeTenant(serve, 'one', { users: [['one-app', '~* +@all']], budget: `{ memory: ${16 + round}mb }` });
      const before = serve.events('policy.reloaded').length;
      serve.signal('SIGHUP');
      await serve.until(() => serve.events('policy.reloaded').length > before, 'reloaded');
    }
    const one = await Wire.as(serve, 'one-app');
    expect(await one.ask('SET', 'x', '1')).toBe('OK');
    await Promise.all(loads.map((load) => load.stop()));
    for (const load of loads) expect(load.errors).toEqual([]);
    for (const wire of wires) expect(wire.isClosed).toBe(false);
  });

  it('keeps the good policy when the new one is bad, and says where it is', async () => {
    const serve = await start();
    const wire = await Wire.as(serve, 'app');
    writeFileSync(join(serve.folder, 'policies', 'gateway.yaml'), 'nosuch: 1\n');
    serve.signal('SIGHUP');
    await serve.until(() => serve.events('policy.refused').length > 0, 'refused');
    expect(JSON.stringify(serve.events('policy.refused')[0])).toContain('gateway.yaml:1:1');
    expect(await wire.ask('PING')).toBe('PONG');
    (await Wire.as(serve, 'app')).close();
  });

  it('takes a policy that changed without being told', async () => {
    const serve = await start();
    writeTenant(serve, 'one', { users: [['one-app', '~* +@all']] });
    await serve.until(() => serve.events('policy.reloaded').length > 0, 'reloaded');
    expect(await (await Wire.as(serve, 'one-app')).ask('PING')).toBe('PONG');
  });

  it('T54: keeps the certificate it has when the new key does not belong to the new certificate', async () => {
    const serve = await start();
    const certs = join(serve.folder, 'certs');
    copyFileSync(join(certs, 'client.key'), join(certs, 'server.key'));
    serve.signal('SIGHUP');
    await serve.until(() => serve.events('tls.refused').length > 0, 'refused');
    const wire = await Wire.as(serve, 'app');
    expect(await wire.ask('PING')).toBe('PONG');
  });

  it('A33: closes connections of a user that is gone', async () => {
    const serve = await start({
      tenants: {
        one: {
          users: [
            ['one-app', '~* +@all'],
            ['one-old', '~* +@all'],
          ],
        },
      },
    });
    const old = await Wire.as(serve, 'one-old');
    const app = await Wire.as(serve, 'one-app');
    writeTenant(serve, 'one', { users: [['one-app', '~* +@all']] });
    serve.signal('SIGHUP');
    await old.closed;
    expect(await app.ask('PING')).toBe('PONG');
  });
});
