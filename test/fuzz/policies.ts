/** The loaders of policy files: a policy, or faults that each stand at a place of the file, and never a password among them. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { load } from '../policy/support.ts';
import { bytesOf, type Target } from './target.ts';

const PASSWORD = 'Xq7-secret-of-the-file';

function fileOf(path: string): string {
  return readFileSync(new URL(`../../policies/${path}`, import.meta.url), 'utf8');
}

/** The defaults that stand there as comments are said aloud. */
function uncommented(text: string): string {
  return text.replace(/^( *)# ([a-z_]+:.*)$/gm, '$1$2');
}

function judge(name: string, input: Uint8Array): void {
  const text = Buffer.from(input).toString('utf8');
  const loaded = load({ [name]: text });
  if (loaded.ok) return;
  if (loaded.fault.length === 0) throw new Error('refused without a word');
  const lines = text.split('\n').length;
  for (const { file, line, column, message } of loaded.fault) {
    if (message === '' || message.includes('\n'))
      throw new Error(`a message of its own kind: ${JSON.stringify(message)}`);
    if (message.includes(`>${PASSWORD}`)) throw new Error(`a password is read back: ${message}`);
    if (file === name && !(line >= 1 && line <= lines + 1 && column >= 1)) throw new Error(`at ${line}:${column}`);
  }
}

const scalar = fc.oneof(
  fc.constantFrom(
    '10.0.0.0/8',
    '0.0.0.0/0',
    '64mb',
    '-1',
    '0',
    '1e9',
    '~',
    'null',
    'true',
    '*a',
    '&a',
    '!!js/x',
    '__proto__',
    '0x10',
    '.inf',
    '2026-01-01',
    '<<',
  ),
  fc.integer().map(String),
  fc.string({ maxLength: 12 }).map((text) => JSON.stringify(text)),
);

/** A mapping in YAML's flow form out of such names. */
function mapping(names: readonly string[]): fc.Arbitrary<string> {
  const { value } = fc.letrec<{ value: string; map: string; list: string }>((tie) => ({
    value: fc.oneof({ maxDepth: 4, depthSize: 'small' }, scalar, tie('map'), tie('list')),
    map: fc
      .array(fc.tuple(fc.constantFrom(...names), tie('value')), { maxLength: 4 })
      .map((pairs) => `{ ${pairs.map(([name, inner]) => `${name}: ${inner}`).join(', ')} }`),
    list: fc.array(tie('value'), { maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
  }));
  return fc
    .array(fc.tuple(fc.constantFrom(...names), value), { maxLength: 5 })
    .map((pairs) => pairs.map(([name, inner]) => `${name}: ${inner}\n`).join(''));
}

function namesIn(text: string): string[] {
  return Array.from(new Set(Array.from(text.matchAll(/([a-z_]+):/g), ([, name]) => name ?? '')));
}

const PIECES = [
  '\n',
  '  ',
  ': ',
  '- ',
  '[',
  ']',
  '{',
  '}',
  '#',
  '"',
  "'",
  '|',
  '>',
  '&a ',
  '*a',
  '!!str ',
  '<<: ',
  '---\n',
  '%YAML 1.2\n',
  '\t',
  '\0',
  '\xef\xbb\xbf',
  '\x80',
];

const gatewayText = uncommented(fileOf('gateway.yaml'));
const tenantText = [
  'tenant: t1',
  'users:',
  `  - { name: ann, acl: 'on >${PASSWORD} ~k:* &c:* +@all (~x:* +get)', addresses: [10.0.0.0/8] }`,
  `  - name: bob`,
  `    acl: ['on', '>${PASSWORD} b', '%R~k*', '-@dangerous']`,
  'addresses: []',
  'budget: { memory: 64mb, policy: noeviction, connections: 50 }',
  'suspended: false\n',
].join('\n');

export const gatewayFileTarget: Target = {
  name: 'gateway file',
  share: 1,
  seeds: [
    bytesOf(gatewayText),
    bytesOf('limits: { maxclients: 5 }\nlisteners: { tls: { proxy_protocol: { from: [10.0.0.5] } } }\n'),
  ],
  dictionary: [...PIECES, ...namesIn(gatewayText), '0.0.0.0/0', '64mb'].map(bytesOf),
  shaped: mapping(namesIn(gatewayText)).map((text) => Buffer.from(text)),
  run: (input) => judge('gateway.yaml', input),
};

export const tenantFileTarget: Target = {
  name: 'tenant file',
  share: 1,
  seeds: [bytesOf(tenantText), bytesOf(uncommented(fileOf('tenants/default.yaml')))],
  dictionary: [...PIECES, ...namesIn(tenantText), '+@all', '~*', '>', '#', '(', ')', '%RW~'].map(bytesOf),
  shaped: mapping([...namesIn(tenantText), 'password_file']).map((text) => Buffer.from(text)),
  run: (input) => judge('tenants/t1.yaml', input),
};
