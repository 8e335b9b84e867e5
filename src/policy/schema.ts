/**
 * What may stand in the policy files. Everything may be left out except the name of a tenant and of a user; unknown keys
 * are faults. The comments in `policies/gateway.yaml` and `policies/tenants/default.yaml` explain each key to people.
 */
import { z } from 'zod';
import { Allowlist } from '../base/cidr.ts';
import { EVICTION_POLICIES } from '../base/eviction-policies.ts';
import { BACKUPS_KEPT_MAX, POLICY_USERS_MAX, SHARDS_MAX, TOKEN_USERS_MAX, WAIT_SECONDS_MAX } from '../base/limits.ts';
import { type Budget, parseBytes } from '../tenancy/budget.ts';
import { alertsSection, auditSection } from './audit.ts';
import { fileName } from './file-name.ts';
import { slowHashes } from './passwords.ts';
import { LOG_LEVELS } from './policy.ts';
import { proxyProtocol } from './proxy-protocol.ts';
import { addressRatesSchema, rateKeys, rateTerms, userBudgetSchema } from './rates.ts';
import { certificateSchema, clientCertificatesSchema, serverNamesSchema, unknownNameSchema } from './tls.ts';
import { roleName, tokenLogin, tokensSchema } from './tokens.ts';

/** `4096`, `64mb`. */
const size = z.unknown().transform((value, context): number => {
  const bytes = typeof value === 'string' || typeof value === 'number' ? parseBytes(String(value)) : parseBytes('');
  if (bytes.ok) return bytes.value;
  context.addIssue({ code: 'custom', message: bytes.fault });
  return z.NEVER;
});

/** CIDR rules; no list and an empty one both mean everybody. */
const addresses = z.array(z.string()).transform((texts, context): Allowlist | undefined => {
  if (texts.length === 0) return undefined;
  const list = Allowlist.parse(texts);
  if (list.ok) return list.value;
  const { index, message } = list.fault;
  context.addIssue({ code: 'custom', path: [index], message: `${JSON.stringify(texts[index])}: ${message}` });
  return z.NEVER;
});

/** A mapping that may be left out, or be there with every line of it commented out. */
function section<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.preprocess((value) => value ?? {}, z.strictObject(shape)).prefault({});
}

const port = z.int().min(0).max(65_535);
const bind = z.string().min(1).max(255);
const seconds = z.int().min(0).max(86_400);
const waitSeconds = z.int().min(1).max(WAIT_SECONDS_MAX);
/** Up to 32 bits: what Redis' own options hold. */
const count = z.int().min(0).max(0xffffffff);

function outputLimit(hard: string, soft: string, softSeconds: number) {
  return section({ hard: size.prefault(hard), soft: size.prefault(soft), seconds: seconds.default(softSeconds) });
}

const DURATION = /^(\d{1,9})(s|m|h|d)?$/;
const SECONDS_PER: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
const EVERY_SECONDS_MAX = 366 * 86_400;

/** `90`, `30m`, `24h`: seconds unless said otherwise; 0 is never. */
const every = z.unknown().transform((value, context): number => {
  const text = typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  const [, digits = '', unit = 's'] = DURATION.exec(text) ?? [];
  const parsed = Number(digits) * (SECONDS_PER[unit] ?? 1);
  if (digits !== '' && parsed <= EVERY_SECONDS_MAX) return parsed;
  context.addIssue({ code: 'custom', message: 'must be a time such as 3600, 30m, 24h or 7d, a year at the most' });
  return z.NEVER;
});

const LOOPBACK = ['127.0.0.0/8', '::1'];

export const gatewaySchema = z.preprocess(
  (value) => value ?? {},
  z.strictObject({
    listeners: section({
      tls: section({
        bind: bind.default('127.0.0.1'),
        port: port.default(6380),
        profile: z.enum(['intermediate', 'modern']).default('intermediate'),
        addresses: addresses.prefault([]),
        client_certificates: clientCertificatesSchema,
        names: serverNamesSchema,
        unknown_name: unknownNameSchema,
        proxy_protocol: proxyProtocol,
      }),
      plain: section({
        bind: bind.default('127.0.0.1'),
        port: port.default(0),
        allow_remote: z.boolean().default(false),
        addresses: addresses.prefault([]),
        proxy_protocol: proxyProtocol,
      }),
    }),
    limits: section({
      maxclients: count.min(1).default(10_000),
      connections_per_ip: count.default(200),
      per_ip_exempt: addresses.prefault(LOOPBACK),
      address: addressRatesSchema,
      timeout: seconds.default(300),
      tcp_keepalive: seconds.default(60),
      handshake_timeout: waitSeconds.default(10),
      authentication_timeout: waitSeconds.default(10),
      proto_max_bulk_len: size.prefault('64mb'),
      client_query_buffer_limit: size.prefault('64mb'),
      client_output_buffer_limit: section({
        normal: outputLimit('256mb', '64mb', 60),
        pubsub: outputLimit('32mb', '8mb', 60),
        replica: outputLimit('256mb', '64mb', 60),
      }),
    }),
    admin: section({ addresses: addresses.prefault([]) }),
    tokens: tokensSchema,
    storage: section({
      shards: z.int().min(1).max(SHARDS_MAX).default(1),
      data: z.string().min(1).default('data'),
      maxmemory: size.prefault(0),
      maxmemory_policy: z.enum(EVICTION_POLICIES).default('noeviction'),
      maxmemory_samples: z.int().min(1).max(64).default(5),
      backups: section({
        folder: z.string().min(1).optional(),
        every: every.prefault(0),
        keep: z.int().min(1).max(BACKUPS_KEPT_MAX).default(7),
      }),
    }),
    audit: auditSection(size),
    alerts: alertsSection,
    logging: section({ level: z.enum(LOG_LEVELS).default('info') }),
    shutdown_timeout: z.int().min(0).max(600).default(10),
  }),
);

export type GatewayFile = z.output<typeof gatewaySchema>;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** The rules of one text. A password with blanks in it needs the form of a list; patterns hold none. */
export function wordsOf(text: string): readonly string[] {
  return text.split(/[ \t\r\n]+/).filter((word) => word !== '');
}

/** Redis' own syntax: one text, or a list of rules where a password holds blanks. */
const acl = z.unknown().transform((value, context): readonly string[] => {
  if (typeof value === 'string') return wordsOf(value);
  if (Array.isArray(value) && value.every((word) => typeof word === 'string')) return value;
  context.addIssue({ code: 'custom', message: 'must be ACL rules, such as "on ~app:* +@all -@dangerous"' });
  return z.NEVER;
});

const user = z
  .strictObject({
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a name with control characters is what it is for
    name: z.string().regex(/^[^\s\u0000-\u001f\u007f]{1,256}$/, 'must be a name without blanks'),
    acl: acl.prefault('off'),
    password_file: fileName.optional(),
    certificate: certificateSchema.optional(),
    password_hash: slowHashes,
    tokens: tokenLogin,
    addresses: addresses.prefault([]),
    budget: userBudgetSchema,
    dry_run_acl: acl.prefault(''),
  })
  .transform((written) => {
    const { name, acl: rules, password_file, password_hash, tokens, certificate, addresses: from } = written;
    const { budget: use, dry_run_acl } = written;
    return {
      name,
      certificate,
      acl: rules,
      passwordFile: password_file,
      slowHashes: password_hash,
      tokens,
      addresses: from,
      budget: use,
      dryRunAcl: dry_run_acl,
    };
  });

const budget = section({
  memory: size.prefault(0),
  policy: z.enum(EVICTION_POLICIES).default('noeviction'),
  connections: count.default(0),
  ...rateKeys,
  largest_value: size.prefault(0),
  largest_reply: size.prefault(0),
}).transform(
  (written): Budget => ({
    memoryBytes: written.memory,
    policy: written.policy,
    connections: written.connections,
    ...rateTerms(written),
    largestValueBytes: written.largest_value,
    largestReplyBytes: written.largest_reply,
  }),
);

export const tenantSchema = z.strictObject({
  tenant: z.string().regex(NAME, 'must be a name of letters, digits, dots, dashes and underscores'),
  users: z.preprocess((value) => value ?? [], z.array(user).max(POLICY_USERS_MAX)).prefault([]),
  token_users: z
    .preprocess(
      (value) => value ?? [],
      z
        .array(z.strictObject({ role: roleName, acl, addresses: addresses.prefault([]), budget: userBudgetSchema }))
        .max(TOKEN_USERS_MAX),
    )
    .prefault([]),
  addresses: addresses.prefault([]),
  budget,
  suspended: z.boolean().default(false),
  dry_run_acl: acl.prefault(''),
});

export type TenantFile = z.output<typeof tenantSchema>;
export type UserEntry = TenantFile['users'][number];
