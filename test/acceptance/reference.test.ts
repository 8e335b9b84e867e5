/** A started server beside redis-server: the same conversations over sockets, compared byte for byte. */
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { latin1 } from '../../src/base/bytes.ts';
import { Prng } from '../../src/base/prng.ts';
import { comparable, REFERENCE_FLAGS } from '../differential/comparable.ts';
import { Generator } from '../differential/generate.ts';
import { Runner } from '../differential/runner.ts';
import { SocketSystem } from '../differential/systems.ts';
import { freePort } from '../support/ports.ts';
import { RedisServer, redisServerInstalled } from '../support/redis-server.ts';
import { RespClient } from '../support/resp-client.ts';
import { seed } from '../support/seed.ts';
import { requestBytes } from '../support/words.ts';
import { SESSION_CONVERSATIONS } from './session-conversations.ts';
import { Serve } from './support/serve.ts';

const COMMANDS = 20_000;
const shards = Number(process.env['PORTCULLIS_SHARDS'] ?? 1);
const hint = redisServerInstalled ? '' : ' (skipped: redis-server is not installed)';

/** Each line is a request; a line of its own with `---` begins a new connection. Words are parted by blanks. */
const CONVERSATIONS: Readonly<Record<string, string>> = {
  'HELLO and its options': `
    HELLO
    HELLO 4
    HELLO x
    HELLO 1
    HELLO 2.0
    HELLO 99999999999999999999
    HELLO 2 foo
    HELLO 2 setname
    HELLO 2 setname a\\nb
    HELLO 2 auth x
    HELLO 2 auth foo bar
    HELLO 2 auth default whatever
    HELLO 3 setname first setname second
    CLIENT GETNAME
    HELLO
    HELLO 3 SETNAME \\0
    HELLO 2`,
  AUTH: `
    AUTH x
    AUTH default x
    AUTH foo x
    AUTH a b c
    AUTH
    AUTH alice wrong
    AUTH alice secret
    ACL WHOAMI
    GET a1
    GET b1
    SET b1 x
    MGET a1 b1
    FLUSHALL
    CONFIG GET maxmemory
    CLIENT LIST
    ACL SETUSER bob
    NOSUCH
    AUTH default anything
    ACL WHOAMI`,
  'what a stranger may do': `
    AUTH nobody x
    RESET
    PING
    ---
    AUTH alice secret
    RESET
    ACL WHOAMI
    SELECT 5
    CLIENT SETNAME x
    HELLO 3
    RESET
    CLIENT GETNAME
    QUIT`,
  'PING, ECHO, SELECT, RESET': `
    PING
    PING a
    PING a b
    ECHO
    ECHO a
    ECHO a b
    SELECT x
    SELECT 16
    SELECT -1
    SELECT 99999999999
    SELECT 1
    SET only-in-one 1
    SELECT 0
    GET only-in-one
    SELECT 1
    DEL only-in-one
    RESET
    RESET x
    EXISTS only-in-one`,
  'CLIENT and its refusals': `
    CLIENT
    CLIENT FOO
    CLIENT KILL foo
    CLIENT KILL 1.2.3.4:5
    CLIENT KILL ID x
    CLIENT KILL ID 0
    CLIENT KILL ID 999999
    CLIENT KILL TYPE foo
    CLIENT KILL TYPE pubsub
    CLIENT KILL USER nosuch
    CLIENT KILL SKIPME maybe
    CLIENT KILL ADDR
    CLIENT KILL ID 5 ADDR
    CLIENT KILL ADDR 1.2.3.4:5 LADDR 1.2.3.4:5 TYPE normal USER default SKIPME yes
    CLIENT KILL foo bar
    CLIENT LIST TYPE foo
    CLIENT LIST TYPE master
    CLIENT LIST TYPE replica
    CLIENT LIST TYPE slave
    CLIENT LIST ID
    CLIENT LIST ID x
    CLIENT LIST ID 0 -1
    CLIENT LIST foo
    CLIENT LIST TYPE
    CLIENT LIST foo bar
    CLIENT LIST TYPE normal x
    CLIENT REPLY foo
    CLIENT REPLY
    CLIENT NO-EVICT foo
    CLIENT NO-EVICT on
    CLIENT NO-EVICT OFF
    CLIENT PAUSE x
    CLIENT PAUSE -1
    CLIENT PAUSE 1 foo
    CLIENT PAUSE x foo
    CLIENT PAUSE 1 write
    CLIENT UNPAUSE x
    CLIENT UNPAUSE
    CLIENT UNBLOCK x
    CLIENT UNBLOCK x foo
    CLIENT UNBLOCK 999999 foo
    CLIENT UNBLOCK 999999
    CLIENT UNBLOCK 999999 timeout
    CLIENT UNBLOCK 999999 ERROR
    CLIENT SETNAME a\\tb
    CLIENT SETNAME \\xff
    CLIENT SETNAME plain
    CLIENT GETNAME
    CLIENT SETNAME
    CLIENT GETNAME x
    CLIENT GETREDIR
    CLIENT ID x
    CLIENT INFO x`,
  'COMMAND about keys': `
    COMMAND GETKEYS
    COMMAND GETKEYS GET
    COMMAND GETKEYS GET a
    COMMAND GETKEYS MSET a 1 b 2
    COMMAND GETKEYS PING
    COMMAND GETKEYS NOSUCH a
    COMMAND GETKEYSANDFLAGS SET a 1 GET
    COMMAND GETKEYSANDFLAGS COPY a b
    COMMAND INFO nosuch
    COMMAND FOO
    COMMAND COUNT x
    ACL GENPASS 1 2
    ACL GENPASS 0
    ACL GENPASS x
    ACL CAT read x
    ACL CAT nosuch
    ACL LOG 1 2
    ACL LOG x
    ACL LOG RESET
    ACL LOG
    ACL WHOAMI x
    ACL DELUSER nobody
    ACL DELUSER default
    ACL GETUSER nobody
    ACL DRYRUN nobody GET a
    ACL DRYRUN alice GET a
    ACL DRYRUN alice GET b
    ACL DRYRUN alice NOSUCH
    ACL DRYRUN alice CONFIG GET x
    ACL LOAD x
    CONFIG
    CONFIG FOO
    CONFIG GET
    CONFIG SET
    CONFIG SET maxmemory
    CONFIG SET nosuch 1
    CONFIG SET maxmemory abc
    CONFIG SET maxmemory-policy nosuch
    CONFIG SET maxmemory-samples 0
    CONFIG SET maxmemory 1 maxmemory 2
    CONFIG GET maxmemory
    CONFIG SET maxmemory-samples 5 nosuch 1
    CONFIG RESETSTAT x
    INFO keyspace
    SHUTDOWN foo
    SHUTDOWN ABORT
    SHUTDOWN ABORT NOW
    DEBUG
    DEBUG SLEEP 0
    WAIT 0 0
    WAIT x 0
    WAIT 0 x
    WAIT 0 -1`,
};

/** Sent in one write, as nothing tells one by one which requests are answered. */
const UNWANTED_REPLIES = `
    CLIENT REPLY SKIP
    PING skipped
    PING shown
    CLIENT REPLY SKIP
    NOSUCH
    CLIENT REPLY ON
    CLIENT REPLY OFF
    PING
    NOSUCH
    CLIENT REPLY SKIP
    PING
    CLIENT REPLY ON
    PING again`;
const LAST_REPLY = '$5\r\nagain\r\n';

function wordsOf(line: string): string[] {
  const unescaped = (word: string) =>
    word.replace(/\\(n|t|0|xff)/g, (_all, name: string) => ({ n: '\n', t: '\t', 0: '\0', xff: '\xff' })[name] ?? '');
  return line.trim().split(' ').map(unescaped);
}

function linesOf(script: string): string[] {
  return script.split('\n').filter((line) => line.trim() !== '');
}

async function conversation(port: number, script: string): Promise<string[]> {
  const answers: string[] = [];
  for (const part of script.split('---')) {
    const client = await RespClient.connect(port);
    for (const line of linesOf(part)) {
      const answer = latin1(await client.send(...wordsOf(line)));
      answers.push(`${line.trim()} → ${answer.replace('$6\r\n7.0.15', '$5\r\n7.2.0')}`);
    }
    client.close();
  }
  return answers;
}

/** Everything that comes back, until the last reply has. */
function rawConversation(port: number, script: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(Buffer.concat(linesOf(script).map((line) => requestBytes(wordsOf(line)))));
    });
    socket.once('error', reject);
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1');
      if (!received.endsWith(LAST_REPLY)) return;
      socket.destroy();
      resolve(received);
    });
  });
}

/** What may differ from one process to the other. */
function normalised(answer: string): string {
  return answer.replace(/(\$2\r\nid\r\n:)\d+/, '$1N');
}

describe.skipIf(!redisServerInstalled)(`beside redis-server${hint}`, () => {
  let serve: Serve;
  let server: RedisServer;

  beforeAll(async () => {
    serve = await Serve.start({ flags: ['--trust-loopback'], plainPort: await freePort() });
    server = await RedisServer.start(...REFERENCE_FLAGS);
    for (const port of [server.port, serve.plainPort]) {
      const client = await RespClient.connect(port);
      await client.send('ACL', 'SETUSER', 'alice', 'on', '>secret', '~a*', '+@all', '-@dangerous');
      client.close();
    }
  });
  afterAll(async () => {
    server?.stop();
    await serve?.dispose();
  });

  it.each(Object.entries({ ...CONVERSATIONS, ...SESSION_CONVERSATIONS }))(
    'the conversation about %s is the same',
    async (_name, script) => {
      const ours = await conversation(serve.plainPort, script);
      const theirs = await conversation(server.port, script);
      expect(ours.map(normalised)).toEqual(theirs.map(normalised));
    },
  );

  it('the replies that CLIENT REPLY leaves over are the same', async () => {
    const ours = await rawConversation(serve.plainPort, UNWANTED_REPLIES);
    expect(ours).toBe(await rawConversation(server.port, UNWANTED_REPLIES));
  });

  it('generated commands are answered the same, in RESP2 and RESP3', async () => {
    const prng = new Prng(seed);
    const reference = await SocketSystem.connect(server.port);
    const ours = await SocketSystem.connect(serve.plainPort);
    await reference.run(2, [['DEBUG', 'SET-ACTIVE-EXPIRE', '0']]);

    const report = await new Runner(reference, ours, new Generator(comparable, prng, Date.now, shards > 1), prng).run(
      COMMANDS,
    );
    expect(report.failure, `seed ${seed}`).toBeUndefined();
    reference.close();
    ours.close();
  });
});
