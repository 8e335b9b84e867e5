/**
 * Every transcript against our commands, and against redis-server, so that what the transcripts say is true. With
 * PORTCULLIS_WRITE_TRANSCRIPTS=1 the replies are taken from redis-server and written down.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { shardDeclarations } from '../../src/commands/shard-families.ts';
import { Harness } from '../support/harness.ts';
import { RedisServer, redisServerInstalled } from '../support/redis-server.ts';
import { rendered } from '../support/render.ts';
import { RespClient } from '../support/resp-client.ts';
import { type Transcript, transcripts } from './transcript.ts';

const all = transcripts();
const hint = redisServerInstalled ? '' : ' (skipped: redis-server is not installed)';
const writing = process.env['PORTCULLIS_WRITE_TRANSCRIPTS'] === '1';

function told(transcript: Transcript, replies: readonly string[]): string {
  return transcript.exchanges.map(({ line, command }, i) => `${line}> ${command}\n${replies[i] ?? ''}`).join('\n');
}

function expected(transcript: Transcript): string {
  return told(
    transcript,
    transcript.exchanges.map(({ reply }) => reply),
  );
}

describe('our commands answer', () => {
  for (const transcript of all) {
    it(`${transcript.name} as written`, () => {
      const harness = new Harness({ debug: true });
      const sessions = { 2: harness.session(2), 3: harness.session(3) };
      const replies = transcript.exchanges.map(({ protocol, words }) => rendered(sessions[protocol].run(words)));
      expect(told(transcript, replies)).toBe(expected(transcript));
    });
  }

  it('and every command has a transcript', () => {
    const used = new Set(all.flatMap(({ exchanges }) => exchanges.map(({ words }) => (words[0] ?? '').toUpperCase())));
    expect(shardDeclarations.map(({ name }) => name).filter((name) => !used.has(name))).toEqual([]);
  });
});

describe.skipIf(!redisServerInstalled)(`redis-server answers${hint}`, () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await RedisServer.start('--enable-debug-command', 'yes');
  });

  afterAll(() => server?.stop());

  for (const transcript of all.filter(({ oursOnly }) => !oursOnly)) {
    it(`${transcript.name} as written`, async () => {
      const clients = { 2: await RespClient.connect(server.port), 3: await RespClient.connect(server.port) };
      await clients[2].send('FLUSHALL');
      await clients[3].send('HELLO', '3');
      const replies: string[] = [];
      for (const { protocol, words } of transcript.exchanges) {
        replies.push(rendered(await clients[protocol].send(...words)));
      }
      clients[2].close();
      clients[3].close();
      if (writing) write(transcript, replies);
      else expect(told(transcript, replies)).toBe(expected(transcript));
    });
  }
});

/** The same file with the replies replaced. */
function write(transcript: Transcript, replies: readonly string[]): void {
  const lines: string[] = [];
  let next = 0;
  for (const line of readFileSync(transcript.path, 'utf8').split('\n')) {
    if (line.startsWith('> ')) lines.push(line, replies[next++] ?? '');
    else if (line.startsWith('#') || line.startsWith('!') || line === '') lines.push(line);
  }
  writeFileSync(transcript.path, lines.join('\n'));
}
