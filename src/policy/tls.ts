/**
 * What gateway.yaml says of certificates: which ones clients show and whom they name, and which ones the gateway shows
 * under which name. Files are names in the certificates folder; whether they work is judged where they are read.
 */
import { z } from 'zod';
import { SERVER_NAMES_MAX } from '../base/limits.ts';
import { fileName } from './file-name.ts';

/** Which entry of a certificate names its user. */
const NAME_KINDS = ['san_uri', 'san_dns', 'cn'] as const;
const MODES = ['none', 'optional', 'required'] as const;
const UNKNOWN_NAMES = ['default', 'deny'] as const;

export interface ClientCertificatePolicy {
  /** `optional`: a client without one is a stranger like any other; one that does not hold is refused all the same. */
  readonly mode: (typeof MODES)[number];
  /** PEM file of the authorities whose clients are let in; undefined with mode `none` only. */
  readonly authoritiesFile: string | undefined;
  /** PEM file of revocation lists, one of each authority. */
  readonly revocationsFile: string | undefined;
  readonly identifyBy: (typeof NAME_KINDS)[number];
  /** A certificate is one way in among others: users bound to one may log in with a password too. */
  readonly passwordAllowed: boolean;
}

export interface ServerNamePolicy {
  /** In lower case; `*.example.org` stands for one label. */
  readonly name: string;
  readonly certificateFile: string;
  readonly keyFile: string;
  /** Only its users may log in under this name. */
  readonly tenantName: string | undefined;
}

export interface TlsNamesPolicy {
  readonly names: readonly ServerNamePolicy[];
  /** What a client is told that asks for another name, or for none. */
  readonly unknownName: (typeof UNKNOWN_NAMES)[number];
}

/** Letters, digits and dashes between dots, one `*` in front: in ASCII, as it travels. */
const SERVER_NAME =
  /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*$/;
const SERVER_NAME_CHARACTERS_MAX = 253;

const serverName = z
  .string()
  .max(SERVER_NAME_CHARACTERS_MAX)
  .transform((name) => name.toLowerCase())
  .refine((name) => SERVER_NAME.test(name), 'must be a host name such as redis.t1.example or *.redis.example');

export const clientCertificatesSchema = z
  .preprocess(
    (value) => value ?? {},
    z.strictObject({
      mode: z.enum(MODES).default('none'),
      ca: fileName.optional(),
      crl: fileName.optional(),
      identify_by: z.enum(NAME_KINDS).default('san_uri'),
      password_allowed: z.boolean().default(false),
    }),
  )
  .prefault({})
  .transform((written, context): ClientCertificatePolicy => {
    if (written.mode !== 'none' && written.ca === undefined) {
      context.addIssue({
        code: 'custom',
        path: ['mode'],
        message: 'needs `ca`, the authorities whose clients are let in',
      });
    }
    return {
      mode: written.mode,
      authoritiesFile: written.ca,
      revocationsFile: written.crl,
      identifyBy: written.identify_by,
      passwordAllowed: written.password_allowed,
    };
  });

export const serverNamesSchema = z
  .preprocess(
    (value) => value ?? [],
    z
      .array(
        z
          .strictObject({ name: serverName, certificate: fileName, key: fileName, tenant: z.string().optional() })
          .transform(
            ({ name, certificate, key, tenant }): ServerNamePolicy => ({
              name,
              certificateFile: certificate,
              keyFile: key,
              tenantName: tenant,
            }),
          ),
      )
      .max(SERVER_NAMES_MAX),
  )
  .prefault([])
  .superRefine((names, context) => {
    const seen = new Set<string>();
    for (const [index, { name }] of names.entries()) {
      if (seen.has(name))
        context.addIssue({ code: 'custom', path: [index, 'name'], message: `"${name}" stands twice` });
      seen.add(name);
    }
  });

export const unknownNameSchema = z.enum(UNKNOWN_NAMES).default('default');

/** The exact value of a certificate's entry: printable ASCII, as certificates are read. */
export const certificateSchema = z
  .string()
  .max(2048)
  .regex(/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/, 'must be the exact entry of a certificate, in printable ASCII');

/** For comparing two policies. */
export function namesText({ names, unknownName }: TlsNamesPolicy): string {
  return JSON.stringify([names, unknownName]);
}
