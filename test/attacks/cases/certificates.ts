/** Groups A and T, clients with certificates: who gets in, as whom, and what is recorded of who does not. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Authority, type Pair, SERVER, selfSigned } from '../../support/certificates.ts';
import { type AttackCase, attack, becomes, CaseSkipped, holds, matches, same } from '../case.ts';
import { PASSWORD } from '../password.ts';
import type { World } from '../world.ts';

const ONE = { type: 'url', value: 'spiffe://example.org/one' } as const;
const TWO = { type: 'url', value: 'spiffe://example.org/two' } as const;
type Mode = 'required' | 'optional';
const gatewayOf = (mode: Mode) =>
  `listeners: { tls: { client_certificates: { mode: ${mode}, ca: clients-ca.pem, crl: clients-crl.pem } } }\n`;
const NOT_ACCEPTED = /^-NOAUTH your client certificate is not accepted/;

interface Scene {
  readonly own: World;
  readonly authority: Authority;
  /** Whom such a certificate makes its client. */
  readonly whoIs: (pair: Pair) => Promise<string>;
  readonly refuses: (what: string, pair: Pair | undefined) => Promise<void>;
}

/** A process that asks for certificates, and lets nobody in without one unless they are optional. */
async function scene(world: World, run: (scene: Scene) => Promise<void>, mode: Mode = 'required'): Promise<void> {
  const authority = await Authority.make();
  const own = await world.sibling({
    gateway: gatewayOf(mode),
    tenants: {
      'three.yaml': `tenant: three\nusers:\n  - { name: app1, certificate: '${ONE.value}', acl: 'on ~* +@all' }\n`,
      'four.yaml': `tenant: four\nusers:\n  - { name: app2, certificate: '${TWO.value}', acl: 'on ~* +@all' }\n`,
    },
    beside: { 'clients-ca.pem': authority.certificate, 'clients-crl.pem': await authority.revoke([]) },
  });
  const whoIs = async (pair: Pair) => {
    const wire = await own.certified(pair);
    const name = await wire.ask('ACL', 'WHOAMI');
    wire.close();
    return name;
  };
  const refuses = async (what: string, pair: Pair | undefined) => {
    const wire = await own.certified(pair);
    matches(await wire.reply(), NOT_ACCEPTED, what);
    holds(await wire.ends(5000), `${what}: the connection stays open`);
  };
  try {
    await run({ own, authority, whoIs, refuses });
    same(own.alive, true, 'the process started for this is alive');
  } finally {
    await own.stop();
  }
}

/** For so long a certificate is good that is to end while its connection is open. */
const BRIEF_HOURS = 3 / 3600;

async function badOnes({ own, authority, refuses, whoIs }: Scene): Promise<void> {
  const brief = await own.certified(await authority.sign({ names: [ONE], until: BRIEF_HOURS }));
  same(await brief.ask('PING'), '+PONG\r\n', 'one that is still good');
  const other = await Authority.make('other authority');
  await refuses('none', undefined);
  await refuses('self-signed', await selfSigned('CN=me', [ONE]));
  await refuses('of another authority', await other.sign({ names: [ONE] }));
  await refuses('expired', await authority.sign({ names: [ONE], from: -5, until: -1 }));
  await refuses('not yet valid', await authority.sign({ names: [ONE], from: 1 }));
  await refuses('for servers', await authority.sign({ names: [ONE], purpose: SERVER }));
  await refuses('an authority', await authority.sign({ names: [ONE], isAuthority: true }));
  await refuses('of two users', await authority.sign({ names: [ONE, TWO] }));
  same(await whoIs(await authority.sign({ names: [ONE] })), '$4\r\napp1\r\n', 'a good one');
  holds(await becomes(() => brief.closed), 'whose certificate has ended stays connected');
}

async function revokes({ own, authority, whoIs, refuses }: Scene): Promise<void> {
  const [doomed, other] = [await authority.sign({ names: [ONE] }), await authority.sign({ names: [ONE] })];
  const wire = await own.certified(doomed);
  same(await wire.ask('PING'), '+PONG\r\n', 'before');
  const path = join(own.folder, 'certs', 'clients-crl.pem');
  writeFileSync(`${path}.new`, await authority.revoke([doomed.serial]));
  renameSync(`${path}.new`, path);
  own.reload();
  holds(await becomes(() => wire.closed, 5000), 'whose certificate was taken back stays connected');
  await refuses('taken back', doomed);
  same(await whoIs(other), '$4\r\napp1\r\n', 'another certificate');
}

interface Visit {
  readonly isResumed: boolean;
  readonly whoIs: string;
  readonly session: Buffer | undefined;
}

type Coming = Parameters<World['certified']>[1] & { readonly pair?: Pair | undefined };

/** Comes, asks who it is, and goes with what it was given to come again with. */
async function visit(to: World, { pair, ...more }: Coming): Promise<Visit> {
  const wire = await to.certified(pair, more);
  const whoIs = await wire.ask('ACL', 'WHOAMI');
  // What the server gives in TLS 1.3 may be behind the first answer.
  await wire.ask('ACL', 'WHOAMI');
  const { isResumed, session } = wire;
  wire.close();
  return { isResumed, whoIs, session };
}

async function resumes(world: World, { own, authority }: Scene): Promise<void> {
  const pair = await authority.sign({ names: [ONE] });
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    const usual = await visit(world, { maxVersion });
    if (usual.session === undefined) throw new CaseSkipped('the TLS client here keeps no sessions');
    const back = await visit(world, { maxVersion, session: usual.session });
    if (!back.isResumed) throw new CaseSkipped('the TLS client here resumes no session');
    for (const [what, first] of [
      ['after one with a certificate', { pair, maxVersion }],
      ['after one without', { maxVersion }],
    ] as const) {
      const { session = usual.session } = await visit(own, first);
      const again = await visit(own, { maxVersion, session });
      same(again.isResumed, false, `${maxVersion}, ${what}: resumed`);
      matches(again.whoIs, /^-NOAUTH /, `${maxVersion}, ${what}: who it is without a certificate`);
      const shown = await visit(own, { pair, maxVersion, session });
      same(shown.whoIs, '$4\r\napp1\r\n', `${maxVersion}, ${what}: who it is with one`);
    }
  }
}

export const certificateCases: readonly AttackCase[] = [
  attack(
    'A36',
    'the password of another user beside one’s own certificate',
    ['certificate_of_other_user: access-denied login', 'unknown_user: login'],
    (world) =>
      scene(world, async ({ own, authority }) => {
        const wire = await own.certified(await authority.sign({ names: [ONE] }));
        for (const [user, password] of [
          ['t1', PASSWORD],
          ['t2', PASSWORD],
          ['nobody', PASSWORD],
        ] as const) {
          matches(await wire.ask('AUTH', user, password), /^-WRONGPASS /, user);
          same(await wire.ask('ACL', 'WHOAMI'), '$4\r\napp1\r\n', 'who it is afterwards');
        }
        wire.close();
      }),
  ),
  attack(
    'T40',
    'no certificate, and those that are not good',
    [
      'certificate_refused: connection-refused',
      'certificate_missing: access-denied',
      'certificate_self_signed: access-denied',
      'certificate_issuer_unknown: access-denied',
      'certificate_expired: access-denied connection-closed',
      'certificate_not_yet_valid: access-denied',
      'certificate_purpose: access-denied',
      'certificate_is_authority: access-denied',
      'certificate_ambiguous: access-denied',
    ],
    (world) => scene(world, badOnes),
  ),
  attack(
    'T43',
    'a common name that is somebody else’s',
    ['certificate_refused: connection-refused', 'certificate_unmapped: access-denied'],
    (world) =>
      scene(world, async ({ authority, whoIs, refuses }) => {
        const both = await authority.sign({ subject: 'CN=app2', names: [ONE] });
        same(await whoIs(both), '$4\r\napp1\r\n', 'whom the entry names');
        await refuses('a common name alone', await authority.sign({ subject: 'CN=app2' }));
        await refuses('an entry as common name', await authority.sign({ subject: `CN=${TWO.value}` }));
      }),
  ),
  attack('T46', 'a session of TLS in place of a certificate', ['not_authenticated: acl-whoami'], (world) =>
    scene(world, (own) => resumes(world, own), 'optional'),
  ),
  attack(
    'T48',
    'a certificate that is taken back while it is used',
    [
      'certificate_revoked: connection-closed access-denied',
      'certificate_refused: connection-refused',
      'success: tls-replaced',
    ],
    (world) => scene(world, revokes),
  ),
];
