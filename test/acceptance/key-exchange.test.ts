/**
 * Which exchange of keys is really negotiated with a started server: told by its first message, and by handshakes of
 * libraries that offer nothing but the hybrid one.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Group, groupTaken } from '../support/client-hello.ts';
import { Serve } from './support/serve.ts';

const ASK = "require('node:tls').createSecureContext({ ecdhCurve: 'X25519MLKEM768' })";
const HANDSHAKE = `const socket = require('node:tls').connect({
  host: '127.0.0.1', port: Number(process.env.PORT), servername: 'localhost', ca: process.env.CA,
  ecdhCurve: process.env.GROUP,
});
socket.once('secureConnect', () => socket.write('PING\\r\\n'));
socket.once('error', ({ message }) => { console.log(message); process.exit(1); });
socket.once('data', (chunk) => { console.log(socket.getProtocol(), String(chunk).slice(0, 7)); process.exit(0); });`;

function hasHybrid(program: string): boolean {
  return spawnSync(program, ['-e', ASK], { stdio: 'ignore' }).status === 0;
}

/** Bun's library has it in every version; Node's has it from OpenSSL 3.5 on. */
const node = process.env['PORTCULLIS_NODE'] || process.execPath;
const isNode = process.env['PORTCULLIS_RUNTIME'] === 'node';
const isHybrid = !isNode || hasHybrid(node);
const best: Group = isHybrid ? 'X25519MLKEM768' : 'X25519';
const runtime = `${isNode ? 'Node' : 'Bun'}, whose TLS library has ${isHybrid ? '' : 'no '}X25519MLKEM768`;

describe(`a server on ${runtime}`, () => {
  let serve: Serve;
  beforeAll(async () => {
    serve = await Serve.start();
  });
  afterAll(() => serve?.dispose());

  it(`takes ${best} from a client that offers all`, async () => {
    expect(await groupTaken(serve.tlsPort, ['P-384', 'P-256', 'X25519', 'X25519MLKEM768'])).toBe(best);
  });

  it(`takes ${best} from a client that offers it and has guessed X25519`, async () => {
    expect(await groupTaken(serve.tlsPort, ['X25519MLKEM768', 'X25519'], 'X25519')).toBe(best);
    expect(await groupTaken(serve.tlsPort, ['X25519', 'X25519MLKEM768'], 'X25519')).toBe(best);
  });

  it('takes X25519 from a client that has no hybrid exchange', async () => {
    expect(await groupTaken(serve.tlsPort, ['P-384', 'P-256', 'X25519'])).toBe('X25519');
  });

  it(`serves clients that offer nothing but ${best}`, () => {
    const programs = Array.from(new Set([readlinkSync(`/proc/${serve.pid}/exe`), node]));
    const able = isHybrid ? programs.filter(hasHybrid) : programs;
    expect(able).not.toEqual([]);
    for (const program of able) {
      const environment = { PATH: process.env['PATH'], PORT: String(serve.tlsPort), CA: serve.ca, GROUP: best };
      const said = execFileSync(program, ['-e', HANDSHAKE], { env: environment, encoding: 'utf8' });
      expect(said, program).toMatch(/^TLSv1.3 -NOAUTH/);
    }
  });
});
