/** The work flow of policies against a started server: the recipe of README.md, diff, rules on trial, ACL files. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PASSWORD, ROOT, Serve } from './support/serve.ts';
import { Wire } from './support/wire.ts';

const HASH = createHash('sha256').update(PASSWORD).digest('hex');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
/** Under the heading, up to the next one. */
const RECIPE = /\*\*Two tenants with budgets\.\*\*([\s\S]*?)\n\*\*/.exec(README)?.[1] ?? '';
const FILES = Array.from(RECIPE.matchAll(/```yaml\n# policies\/(\S+)\n([\s\S]*?)```/g), ([, path = '', text = '']) => ({
  path,
  text: text.replaceAll('<sha256 of the password>', HASH),
}));
const COMMANDS = Array.from(RECIPE.matchAll(/^npm start -- (.*)$/gm), ([, words = '']) => words.split(' '));

let serve: Serve;
let next: string;

function write(folder: string): void {
  mkdirSync(join(folder, 'tenants'), { recursive: true });
  for (const { path, text } of FILES) writeFileSync(join(folder, path), text);
}

/** A subcommand, as a person runs it beside the server. */
function said(words: readonly string[], policies = join(serve.folder, 'policies')) {
  const flags = ['--policies', policies, '--certs', join(serve.folder, 'certs')];
  const [name = '', ...rest] = words;
  const cut = rest.indexOf('--');
  const own = cut < 0 ? [...rest, ...flags] : [...rest.slice(0, cut), ...flags, ...rest.slice(cut)];
  const args = [join(ROOT, 'src/launch.mjs'), 'start', name, ...own];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: serve.folder, encoding: 'utf8' });
  return { status, output: `${stdout}${stderr}` };
}

const diff = (policies: string) => said(['diff', '--url', `rediss://admin@127.0.0.1:${serve.tlsPort}`], policies);

beforeAll(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-policy-'));
  write(join(folder, 'policies'));
  serve = await Serve.start({ folder });
  next = join(folder, 'next');
  cpSync(join(folder, 'policies'), next, { recursive: true });
});
afterAll(async () => {
  await serve.dispose();
  rmSync(serve.folder, { recursive: true, force: true });
});

describe('README.md: two tenants with budgets', () => {
  it('has two files and three commands, which answer', () => {
    expect(FILES.map(({ path }) => path)).toEqual(['tenants/shop.yaml', 'tenants/search.yaml']);
    const [check, explain, compare] = COMMANDS;
    expect(said(check ?? [])).toMatchObject({ status: 0, output: expect.stringContaining('good\n') });
    expect(said(explain ?? [])).toMatchObject({ status: 2, output: expect.stringContaining('acl_command') });
    expect(compare).toEqual(['diff']);
    expect(diff(join(serve.folder, 'policies'))).toEqual({ status: 0, output: 'nothing would change\n' });
  });

  it('the shop refuses what does not fit, search forgets, and neither sees the other', async () => {
    const [shop, search] = [await Wire.as(serve, 'shop-app'), await Wire.as(serve, 'search-app')];
    const value = 'x'.repeat(90_000);
    let refusal = '';
    for (let i = 0; i < 120 && refusal === ''; i++) {
      const reply = await shop.ask('SET', `order:${i}`, value);
      if (reply !== 'OK') refusal = reply;
    }
    expect(refusal).toContain("OOM command not allowed when used memory > 'maxmemory'");
    expect(await shop.ask('STRLEN', 'order:0')).toBe('90000');
    for (let i = 0; i < 120; i++) expect(await search.ask('SET', `cache:${i}`, value)).toBe('OK');
    expect(Number(await search.ask('EXISTS', ...Array.from({ length: 120 }, (_, i) => `cache:${i}`)))).toBeLessThan(
      100,
    );
    expect(await search.ask('EXISTS', 'cache:119')).toBe('1');
    expect(await search.ask('GET', 'order:0')).toContain('NOPERM');
    expect(await shop.ask('EXISTS', 'cache:119')).toBe('0');
    const report = await Wire.as(serve, 'shop-report');
    expect(await report.ask('STRLEN', 'order:0')).toBe('90000');
    expect(await report.ask('SET', 'order:0', 'x')).toContain('NOPERM');
    const second = await Wire.as(serve, 'shop-app');
    const fourth = await Wire.tls(serve);
    expect(await fourth.ask('AUTH', 'shop-app', PASSWORD)).toMatch(/max number of clients/);
    for (const wire of [shop, search, report, second, fourth]) wire.close();
  });
});

describe('a change of policy', () => {
  it('is told before it happens: rule by rule, and whose sessions end', async () => {
    const shop = await Wire.as(serve, 'shop-app');
    const path = join(next, 'tenants', 'shop.yaml');
    const [before = ''] = FILES.map(({ text }) => text);
    writeFileSync(
      path,
      before
        .replace(/^.*shop-app.*\n/m, '')
        .replace('%R~order:*', '%R~order:* -scan')
        .replace('8mb', '16mb'),
    );
    const told = diff(next);
    expect(told.status).toBe(2);
    expect(told.output.split('\n')).toEqual([
      '~ tenant shop',
      '    budget memoryBytes: 8388608 → 16777216',
      '- user shop-app',
      '~ user shop-report',
      expect.stringContaining('rules'),
      'sessions that would end',
      '    shop-app of shop: is gone, 1 connection open',
      '',
    ]);
    expect(told.output).not.toContain(HASH);
    const folders = said(['diff', '--against', join(serve.folder, 'policies')], next);
    expect(folders).toEqual({ status: 2, output: told.output.replace(', 1 connection open', '') });
    writeFileSync(path, 'tenant: shop\nnosuch: 1\n');
    expect(diff(next)).toMatchObject({ status: 1, output: expect.stringContaining('shop.yaml:2:1: unknown key') });
    expect(await shop.ask('PING')).toBe('PONG');
    shop.close();
  });

  it('may be on trial first: it refuses nothing, and the operator sees what it would refuse', async () => {
    const [admin, search] = [await Wire.as(serve, 'admin'), await Wire.as(serve, 'search-app')];
    const path = join(serve.folder, 'policies', 'tenants', 'search.yaml');
    writeFileSync(path, `${readFileSync(path, 'utf8')}dry_run_acl: '-getrange resetkeys ~cache:page:*'\n`);
    serve.signal('SIGHUP');
    await serve.until(() => serve.events('policy.reloaded').length > 0, 'reloaded');
    expect(await search.ask('SET', 'cache:other', 'x')).toBe('OK');
    expect(await search.ask('SET', 'cache:page:1', 'x')).toBe('OK');
    expect(await search.ask('GETRANGE', 'cache:page:1', '0', '0')).toBe('x');
    const told = await admin.ask('POLICY', 'DRYRUN');
    for (const word of ['search-app', 'getrange', 'cache:*']) expect(told).toContain(word);
    expect(await admin.ask('INFO', 'gateway')).toContain('would_deny:command=1,key=1');
    expect(serve.events('access.would_deny')).toHaveLength(2);
    expect(await search.ask('POLICY', 'DRYRUN')).toContain('NOPERM');
    expect(await search.ask('POLICY', 'SHOW')).toContain('NOPERM');
    expect(await admin.ask('POLICY', 'SHOW')).not.toContain(HASH.slice(0, 12));
    expect(await admin.ask('POLICY', 'DRYRUN', 'RESET')).toBe('OK');
    expect(await admin.ask('POLICY', 'DRYRUN')).not.toContain('search-app');
    for (const wire of [admin, search]) wire.close();
  });

  it('brings in the users of a Redis, who can log in at once', async () => {
    writeFileSync(
      join(serve.folder, 'users.acl'),
      `user old-app on #${HASH} ~* &* +@all -@dangerous\nuser default on nopass ~* +@all\n`,
    );
    const imported = said(['import-acl', 'users.acl', '--tenant', 'old', '--write']);
    expect(imported).toMatchObject({ status: 0, output: expect.stringContaining('old.yaml: 1 user\n') });
    await serve.until(() => serve.events('policy.reloaded').length > 1, 'reloaded');
    const old = await Wire.as(serve, 'old-app');
    expect(await old.ask('SET', 'k', 'v')).toBe('OK');
    old.close();
    expect(said(['export-acl', '--tenant', 'old']).output).toBe(
      `user old-app on #${HASH} ~* &* +@all -@dangerous\nuser default off resetchannels -@all\n`,
    );
  });
});
