import { describe, expect, it } from 'vitest';
import { flagsHelp, parseOptions } from '../../src/app/options.ts';

const parse = (args: string[], environment: Record<string, string> = {}) => parseOptions(args, environment, '/srv');

function fault(args: string[], environment: Record<string, string> = {}): string {
  const parsed = parse(args, environment);
  return parsed.ok ? 'accepted' : parsed.fault;
}

describe('the command line', () => {
  it('has a default for everything', () => {
    expect(parse([])).toEqual({
      ok: true,
      value: {
        appendfsync: 'everysec',
        appendonly: true,
        bind: '127.0.0.1',
        tlsPort: 6380,
        plainPort: 0,
        dataFolder: '/srv/data',
        policiesFolder: '/srv/policies',
        certificatesFolder: '/srv/certs-dev',
        shards: 1,
        trustLoopback: false,
        said: new Set(),
      },
    });
  });

  it('wins over the environment, which wins over the defaults', () => {
    const environment = { PORTCULLIS_TLS_PORT: '7000', PORTCULLIS_SHARDS: '3', PORTCULLIS_TRUST_LOOPBACK: 'yes' };
    const parsed = parse(['--tls-port', '7001', '--data=/var/x'], environment);
    expect(parsed).toMatchObject({ value: { tlsPort: 7001, shards: 3, trustLoopback: true, dataFolder: '/var/x' } });
    expect(parsed.ok && parsed.value.said).toEqual(new Set(['tls-port', 'shards', 'trust-loopback', 'data']));
  });

  it('says what is wrong in one line that names the flag or the variable', () => {
    expect(fault(['--tls-port', '65536'])).toBe("--tls-port must be a number from 0 to 65535, not '65536'");
    expect(fault(['--shards', '0'])).toBe("--shards must be a number from 1 to 64, not '0'");
    expect(fault([], { PORTCULLIS_SHARDS: '0x2' })).toBe("PORTCULLIS_SHARDS must be a number from 1 to 64, not '0x2'");
    expect(fault(['--runtime', 'deno'])).toBe('--runtime must be bun or node');
    expect(fault([], { PORTCULLIS_TRUST_LOOPBACK: 'maybe' })).toContain('PORTCULLIS_TRUST_LOOPBACK must be yes or no');
    expect(fault(['--bind='])).toBe('--bind must not be empty');
  });

  it('refuses what it does not know', () => {
    for (const args of [['--tsl-port', '1'], ['extra'], ['--shards'], ['--trust-loopback=yes'], ['-x']]) {
      const said = fault(args);
      expect(said).not.toBe('accepted');
      expect(said).not.toContain('\n');
    }
  });

  it('lists every flag with its variable', () => {
    for (const name of [
      'bind',
      'tls-port',
      'plain-port',
      'data',
      'policies',
      'certs',
      'shards',
      'trust-loopback',
      'runtime',
    ]) {
      expect(flagsHelp()).toContain(`--${name}`);
      expect(flagsHelp()).toContain(`PORTCULLIS_${name.toUpperCase().replaceAll('-', '_')}`);
    }
  });
});
