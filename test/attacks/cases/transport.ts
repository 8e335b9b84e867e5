/** Group T: the TLS port as a scanner meets it. */
import net from 'node:net';
import { clientHello } from '../../support/client-hello.ts';
import { type AttackCase, attack, holds, same } from '../case.ts';
import { Wire } from '../wire.ts';
import type { World } from '../world.ts';

const ALERT = 0x15;
const HANDSHAKE = 0x16;
const HANDSHAKE_FAILURE = 40;
const PROTOCOL_VERSION = 70;
const ECDHE_ECDSA_AES128_GCM = 0xc02b;

/** `hello` when the server goes on with the handshake, else the number of its alert, or that it just closed. */
function answerTo(world: World, hello: Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect(world.port, '127.0.0.1', () => socket.write(hello));
    socket.once('data', (record: Buffer) => {
      resolve(record[0] === ALERT ? `alert ${record[6]}` : record[0] === HANDSHAKE ? 'hello' : 'nonsense');
      socket.destroy();
    });
    socket.once('error', () => resolve('reset'));
    socket.once('close', () => resolve('closed'));
  });
}

export const transportCases: readonly AttackCase[] = [
  attack('T38', 'old versions', ['handshake_failed: connection-refused'], async (world) => {
    const suites = [ECDHE_ECDSA_AES128_GCM, 0xc009, 0xc00a, 0x002f];
    same(await answerTo(world, clientHello(0x0303, suites)), 'hello', 'TLS 1.2');
    for (const version of [0x0300, 0x0301, 0x0302]) {
      const answer = await answerTo(world, clientHello(version, suites));
      const name = `version ${version.toString(16)}`;
      // SSL 3 is so old that some libraries do not answer it with an alert.
      if (version === 0x0300) holds(answer !== 'hello', `${name}: ${answer}`);
      else same(answer, `alert ${PROTOCOL_VERSION}`, name);
    }
  }),
  attack('T39', 'weak suites', ['handshake_failed: connection-refused'], async (world) => {
    same(await answerTo(world, clientHello(0x0303, [ECDHE_ECDSA_AES128_GCM])), 'hello', 'a strong one');
    for (const [name, suite] of [
      ['RC4', 0xc007],
      ['3DES', 0xc008],
      ['NULL', 0xc006],
      ['export', 0x0003],
      ['CBC with SHA-1', 0xc009],
      ['CBC with SHA-256', 0xc023],
      ['static RSA', 0x009c],
    ] as const) {
      same(await answerTo(world, clientHello(0x0303, [suite])), `alert ${HANDSHAKE_FAILURE}`, name);
    }
  }),
  attack('T51', 'handshakes that take for ever', ['handshake_timeout: connection-refused'], async (world) => {
    const slow = await Promise.all(
      Array.from({ length: 100 }, () => Wire.connect({ port: world.port, tls: false, ca: undefined })),
    );
    for (const wire of slow) wire.send('\x16\x03\x01');
    const t2 = await world.as('t2');
    same(await t2.ask('PING'), '+PONG\r\n', 'others connect meanwhile');
    t2.close();
    const ended = await Promise.all(slow.map((wire) => wire.ends(13_000)));
    same(ended.filter(Boolean).length, slow.length, 'slow handshakes dropped');
  }),
  attack('T101', 'TLS on the plain port', ['tls_on_plain_port: connection-closed'], async (world) => {
    const wire = await world.plain();
    wire.send('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03');
    holds(await wire.ends(5000), 'the connection stays open');
  }),
];
