import { describe, expect, it } from 'vitest';
import { REDIS_DEFAULTS } from '../../src/app/config/settings.ts';
import { parseOptions } from '../../src/app/options.ts';
import { planOf } from '../../src/app/plan.ts';
import { failure, success } from '../../src/base/result.ts';
import { loadPolicy } from '../../src/policy/load.ts';

function plan(yaml: string, ...args: string[]) {
  const options = parseOptions(args, {}, '/srv');
  if (!options.ok) throw new Error(options.fault);
  const files = {
    list: () => success(['gateway.yaml']),
    read: () => success(yaml),
    readPassword: () => failure('none'),
    readBeside: () => failure('none'),
  };
  const policy = loadPolicy(files, { aclFault: () => undefined, builtIns: [] });
  if (!policy.ok) throw new Error(policy.fault.map(({ message }) => message).join());
  return planOf(options.value, policy.value.gateway, '/srv');
}

describe('what a process is to be', () => {
  it('follows the policy where the command line says nothing', () => {
    const yaml =
      'listeners: { tls: { bind: 127.0.0.2, port: 7000 } }\nstorage: { shards: 4, data: x, maxmemory: 1gb }\n';
    expect(plan(yaml)).toMatchObject({
      value: {
        tls: { bind: '127.0.0.2', port: 7000 },
        plain: undefined,
        dataFolder: '/srv/x',
        shards: 4,
        settings: { maxmemoryBytes: 1024 ** 3, timeoutSeconds: 300, protoMaxBulkBytes: 64 * 1024 * 1024 },
        facts: { bind: '127.0.0.2', tlsPort: 7000, plainPort: 0, debugAllowed: false },
      },
    });
    expect(
      plan(yaml, '--tls-port', '0', '--plain-port', '7001', '--bind', '::1', '--shards', '2', '--data', '/d'),
    ).toMatchObject({
      value: { tls: undefined, plain: { bind: '::1', port: 7001 }, shards: 2, dataFolder: '/d' },
    });
  });

  it('refuses what cannot or must not be', () => {
    expect(plan('', '--tls-port', '0')).toMatchObject({ fault: expect.stringContaining('no port') });
    expect(plan('', '--bind', 'nosuch.example')).toMatchObject({ fault: expect.stringContaining('no address') });
    expect(plan('', '--tls-port', '9', '--plain-port', '9')).toMatchObject({
      fault: expect.stringContaining('both 9'),
    });
    expect(plan('', '--plain-port', '9', '--bind', '0.0.0.0')).toMatchObject({
      fault: expect.stringContaining('in clear'),
    });
    for (const bind of ['0.0.0.0', '10.0.0.1', '::']) {
      expect(plan('', '--trust-loopback', '--bind', bind)).toMatchObject({
        fault: expect.stringContaining('loopback addresses only'),
      });
    }
    expect(plan('', '--trust-loopback', '--bind', '::ffff:127.0.0.1').ok).toBe(true);
  });

  it('gives the trusted loopback the limits of a bare redis-server', () => {
    expect(plan('limits: { timeout: 5, maxclients: 7 }', '--trust-loopback')).toMatchObject({
      value: { settings: REDIS_DEFAULTS, facts: { debugAllowed: true } },
    });
  });
});
