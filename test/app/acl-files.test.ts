/** Users on their way from Redis and back: as ACL files, next to the real redis-server, and refused whole when one line is wrong. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Roster } from '../../src/acl/roster.ts';
import { describeUser } from '../../src/acl/user.ts';
import { runExportAcl } from '../../src/app/export-acl.ts';
import { runImportAcl } from '../../src/app/import-acl.ts';
import { loadForTool } from '../../src/app/policy-tool.ts';
import { tableAlone } from '../../src/app/table.ts';
import { rosterOf } from '../../src/app/users.ts';
import { latin1 } from '../../src/base/bytes.ts';
import { readAclFile } from '../../src/policy/acl-file.ts';
import { parseReply } from '../../src/resp/reply-reader.ts';
import { RedisServer, redisServerInstalled } from '../support/redis-server.ts';
import { RespClient } from '../support/resp-client.ts';

const table = tableAlone();
const HASH = createHash('sha256').update('pw').digest('hex');
const folders: string[] = [];
const servers: RedisServer[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.stop();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

class Desk {
  readonly cwd: string;

  constructor(files: Readonly<Record<string, string>> = {}) {
    this.cwd = mkdtempSync(join(tmpdir(), 'portcullis-acl-'));
    folders.push(this.cwd);
    mkdirSync(join(this.cwd, 'policies', 'tenants'), { recursive: true });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(this.cwd, name), text);
  }

  get edge() {
    return { environment: {}, cwd: this.cwd, table };
  }

  import(...args: string[]) {
    return runImportAcl(args, this.edge);
  }

  export(...args: string[]) {
    return runExportAcl(args, this.edge);
  }

  tenant(name: string): string {
    return readFileSync(join(this.cwd, 'policies', 'tenants', `${name}.yaml`), 'utf8');
  }

  /** What ACL LIST would say of a tenant. */
  list(tenant: string): string[] {
    const { policy } = loadForTool({ values: new Map(), positionals: [] }, this.edge);
    if (!policy.ok) throw new Error(policy.fault.map(({ message }) => message).join('\n'));
    const roster = rosterOf(policy.value, table, new Roster(0, []), false);
    if (!roster.ok) throw new Error(roster.fault);
    return roster.value
      .users()
      .filter((user) => user.tenant === tenant)
      .map(describeUser);
  }
}

/** Everything the language of rules has. */
const RULES = [
  'on ~* &* +@all',
  'on ~app:* +@all -@dangerous',
  'off resetchannels -@all',
  'on %R~read:* %W~write:* ~both:* &news:* &news2 +@read +@write -keys',
  'on ~x (~y +get) (%R~z* &c +@read -mget)',
  'on +select|0 +select|1 +config|get +client -client|kill',
  'on skip-sanitize-payload ~a? ~[ab]* ~\\\\* +@string +@hash',
  'on ~c* +@all -@admin +bgsave',
  'on nopass ~m\u00fcll:* +ping',
];
const PEOPLE = RULES.map((rules, i) => `user u${i} ${rules.includes('nopass') ? '' : `#${HASH} `}${rules}`);

function asText(line: string): string {
  return Buffer.from(line, 'latin1').toString('utf8');
}

/** Of a line of ACL LIST, with the words of each group sorted. */
function inOneOrder(line: string): string {
  const groups = line.split(/ (?=\()/);
  return groups.map((group) => group.split(' ').toSorted().join(' ')).join(' ');
}

async function listOf(server: RedisServer): Promise<string[]> {
  const client = await RespClient.connect(server.port);
  const [, listed] = await client.pipeline([
    ['AUTH', 'u0', 'pw'],
    ['ACL', 'LIST'],
  ]);
  client.close();
  const reply = parseReply(listed ?? new Uint8Array())?.value;
  if (reply?.kind !== 'array') throw new Error('no list');
  return reply.items.map((item) => ('bytes' in item ? latin1(item.bytes) : '')).toSorted();
}

async function redisWith(file: string): Promise<RedisServer> {
  const server = await RedisServer.start('--aclfile', file);
  servers.push(server);
  return server;
}

describe.skipIf(!redisServerInstalled)('ACL files (skipped where redis-server is not installed)', () => {
  it('that we write are loaded by redis-server, whose ACL LIST is ours', async () => {
    const yaml = RULES.map((rules, i) => {
      const acl = rules.includes('nopass') ? rules : `#${HASH} ${rules}`;
      return `  - { name: u${i}, acl: ${JSON.stringify(acl)} }\n`;
    });
    const desk = new Desk({ 'policies/tenants/t.yaml': `tenant: t\nusers:\n${yaml.join('')}` });
    const exported = desk.export('--tenant', 't');
    expect(exported.exitCode).toBe(0);
    const file = join(desk.cwd, 'users.acl');
    writeFileSync(file, exported.output);
    const theirs = await listOf(await redisWith(file));
    expect(theirs.map(inOneOrder)).toEqual(
      [...desk.list('t'), 'user default off resetchannels -@all'].toSorted().map(inOneOrder),
    );
    // The order of command rules, which Redis makes anew for its list, means the same to us.
    const read = readAclFile(`${theirs.map(asText).join('\n')}\n`, 't', table);
    const written = readAclFile(exported.output, 't', table);
    if (!read.ok || !written.ok) throw new Error('not read back');
    const byName = new Map(written.value.map((user) => [user.name, user]));
    for (const user of read.value) {
      const own = byName.get(user.name);
      expect([user.name, Array.from(user.root.commands)]).toEqual([user.name, Array.from(own?.root.commands ?? [])]);
    }
    expect(read.value).toHaveLength(RULES.length + 1);
  });

  it('that redis-server saves come in, and our ACL LIST is its', async () => {
    const desk = new Desk({ 'users.acl': 'user u0 on >pw ~* &* +@all\n' });
    const file = join(desk.cwd, 'users.acl');
    const server = await redisWith(file);
    const client = await RespClient.connect(server.port);
    const people = PEOPLE.map((line) => Buffer.from(line, 'utf8').toString('latin1').split(' '));
    const replies = await client.pipeline([
      ['AUTH', 'u0', 'pw'],
      ...people.map(([, name = '', ...rules]) => ['ACL', 'SETUSER', name, ...rules]),
      ['ACL', 'SAVE'],
    ]);
    client.close();
    expect(replies.map((reply) => latin1(reply)).filter((reply) => reply !== '+OK\r\n')).toEqual([]);
    const imported = desk.import('users.acl', '--tenant', 'old', '--write');
    expect(imported.output).toContain('user default is left out');
    expect(imported.output).toContain('policies/tenants/old.yaml: 9 users');
    const theirs = (await listOf(server)).filter((line) => !line.startsWith('user default '));
    expect(desk.list('old').toSorted()).toEqual(theirs.map((line) => line.replace(' sanitize-payload', '')));
  });

  it('are refused by both for the same lines', async () => {
    const lines = [
      'user a on +nosuch',
      'user a on ~x\nuser a off',
      'user',
      'USER a on',
      '# a comment',
      'user a on (+get',
      'user a on ~* ~x',
      'user a on #1234',
      'user a on\t+get',
      'user a zzz',
    ];
    for (const line of lines) {
      const desk = new Desk({ 'users.acl': `user u0 on >pw ~* &* +@all\n${line}\n` });
      expect([line, desk.import('users.acl', '--tenant', 't').exitCode]).toEqual([line, 1]);
      const started = ['--port', '0', '--save', '', '--dir', desk.cwd, '--aclfile', join(desk.cwd, 'users.acl')];
      expect([line, spawnSync('redis-server', started, { timeout: 10_000 }).status]).toEqual([line, 1]);
    }
  });
});

describe('import-acl', () => {
  it('A37: refuses the whole file for one line, names every bad one, and writes nothing', () => {
    const desk = new Desk({
      'users.acl': `user good on #${HASH} ~* +@all\nuser bad on >secret +nosuch\n\nuser good off\nnobody\n`,
    });
    const { exitCode, output } = desk.import('users.acl', '--tenant', 't', '--write');
    expect(exitCode).toBe(1);
    expect(output.split('\n')).toEqual([
      expect.stringMatching(/^users\.acl:2: .*'\+nosuch': Unknown command/),
      'users.acl:4: the user good stands twice',
      'users.acl:5: must begin with "user" and a name',
      'nothing is imported',
      '',
    ]);
    expect(output).not.toContain('secret');
    expect(() => desk.tenant('t')).toThrow();
  });

  it('refuses a user whom another tenant has, and a tenant that is there', () => {
    const desk = new Desk({
      'users.acl': `user ann on #${HASH} ~* +@all\n`,
      'policies/tenants/other.yaml': `tenant: other\nusers: [{ name: ann, acl: 'on #${HASH}' }]\n`,
    });
    expect(desk.import('users.acl', '--tenant', 't', '--write').output).toContain('"ann" is also defined');
    expect(desk.import('users.acl', '--tenant', 'other').output).toContain('is there already');
    expect(desk.import('users.acl', '--tenant', '../x').exitCode).toBe(1);
    expect(() => desk.tenant('t')).toThrow();
  });

  it('prints the tenant file unless it is told to write it, with hashes and never a password', () => {
    const desk = new Desk({ 'users.acl': 'user ann on >secret ~a:* +get\r\nuser default on nopass ~* &* +@all\n' });
    const { exitCode, output } = desk.import('users.acl', '--tenant', 't');
    expect(exitCode).toBe(0);
    expect(output).toContain('# the user default is left out');
    expect(output).toContain('tenant: "t"\nusers:\n  - name: "ann"\n    acl: "on #');
    expect(output).not.toContain('secret');
    expect(() => desk.tenant('t')).toThrow();
  });

  it('refuses what is no text, is not there, or lacks the tenant', () => {
    const desk = new Desk();
    writeFileSync(join(desk.cwd, 'bytes.acl'), Buffer.from('user ann on ~\xff\n', 'latin1'));
    expect(desk.import('bytes.acl', '--tenant', 't').output).toContain('not UTF-8');
    expect(desk.import('nosuch.acl', '--tenant', 't').output).toContain('no such file');
    expect(desk.import('bytes.acl').output).toContain('usage:');
  });
});

describe('export-acl', () => {
  it('says which rules Redis has no commands for, and leaves them out when told to', () => {
    const desk = new Desk({
      'policies/tenants/t.yaml': `tenant: t\nusers: [{ name: ann, acl: 'on #${HASH} ~* +@all -hexpire (+hpttl ~x +get)' }]\n`,
    });
    expect(desk.export('--tenant', 't').output).toContain('user ann: Redis 7.0 has no such commands: -hexpire +hpttl');
    expect(desk.export('--tenant', 't', '--leave-out').output).toBe(
      `user ann on #${HASH} ~* resetchannels +@all (~x resetchannels -@all +get)\nuser default off resetchannels -@all\n`,
    );
    expect(desk.export('--tenant', 'nosuch').exitCode).toBe(1);
  });
});
