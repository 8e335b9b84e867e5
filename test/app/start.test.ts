import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { pasteLine, shellWord } from '../../src/app/paste-line.ts';
import { runtimeFault } from '../../src/app/runtime.ts';
import { VERSION } from '../../src/app/version.ts';

describe('the line to paste', () => {
  it('is the one that other people rely on', () => {
    const login = { user: 'app', passwordPath: '/srv/certs/app.password' };
    expect(pasteLine({ host: '127.0.0.1', port: 6380, caPath: '/srv/certs/ca.pem', login })).toBe(
      'redis-cli -h 127.0.0.1 -p 6380 --tls --cacert /srv/certs/ca.pem --user app --pass "$(cat /srv/certs/app.password)"',
    );
  });

  it('names an address that can be connected to', () => {
    expect(pasteLine({ host: '0.0.0.0', port: 1, caPath: undefined, login: undefined })).toBe(
      'redis-cli -h 127.0.0.1 -p 1',
    );
    expect(pasteLine({ host: '::', port: 1, caPath: undefined, login: undefined })).toBe('redis-cli -h ::1 -p 1');
  });

  it.each(['/plain/path', '/with blank', `/it's`, '/$(touch x)', '/a"b`c\\d', '/ü*?[x]', '/new\nline'])(
    'means the path %j to a shell, and nothing else',
    (path) => {
      const word = shellWord(path);
      expect(spawnSync('sh', ['-c', `printf %s ${word}`]).stdout.toString()).toBe(path);
      expect(spawnSync('sh', ['-c', `printf %s "$(printf %s ${word})"`]).stdout.toString()).toBe(path);
    },
  );
});

describe('the runtime', () => {
  it('may serve when it is Bun or a Node that is new enough', () => {
    expect(runtimeFault({ node: '24.3.0', bun: '1.4.5' })).toBeUndefined();
    for (const node of ['24.17.0', '24.20.1', '26.10.0']) expect(runtimeFault({ node })).toBeUndefined();
    for (const node of ['20.19.0', '22.0.0', '24.16.9', '9.0.0'])
      expect(runtimeFault({ node })).toContain('too old to serve');
  });
});

it('the version is that of package.json', () => {
  expect(JSON.parse(readFileSync('package.json', 'utf8')).version).toBe(VERSION);
});
