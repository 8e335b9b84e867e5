/** Holds the rules of test/tidy/rules.ts over the repository, and each rule over a breach planted for it. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { LONG_FILES, LONG_FILES_COUNT } from './tidy/allowed.ts';
import { type Rule, rules } from './tidy/rules.ts';
import { codeOf, importsOf, type SourceFile } from './tidy/source.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const ROOTS = [
  'src',
  'test',
  'bench',
  'docs',
  'policies',
  '.ci',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  '.npmrc',
  '.gitignore',
  'README.md',
];

function read(path: string): SourceFile[] {
  const stat = statSync(join(root, path), { throwIfNoEntry: false });
  if (stat?.isDirectory()) return readdirSync(join(root, path)).flatMap((name) => read(`${path}/${name}`));
  if (stat === undefined || !/(?:\.(?:[cm]?[jt]sx?|jsonc?|md|ya?ml|txt|sh)|rc|ignore|\/run)$/.test(path)) return [];
  return [{ path, text: readFileSync(join(root, path), 'utf8') }];
}

describe('the repository', () => {
  const files = ROOTS.flatMap(read);

  test.each(Object.entries<Rule>(rules))('keeps the rule %s', (_name, rule) => {
    expect(rule(files)).toEqual([]);
  });

  test('counts the files it lets be long', () => {
    expect(LONG_FILES).toHaveLength(LONG_FILES_COUNT);
  });
});

/** Spelled in parts, or this file would break the rule it tests. */
const HOME = ['', 'home', 'someone', 'keys'].join('/');
const HOST = ['registry', 'example', 'org'].join('.');

interface Planted {
  readonly rule: Rule;
  readonly path: string;
  readonly text: string;
  readonly says: string[];
}

const planted: Record<string, Planted> = {
  'a folder reaching upwards': {
    rule: rules.importTable,
    path: 'src/gateway/listener.ts',
    text: "import { a } from '../shards/pool.ts';",
    says: ['src/gateway/listener.ts:1: gateway may not import shards'],
  },
  'a folder nobody planned': {
    rule: rules.importTable,
    path: 'src/misc/a.ts',
    text: '',
    says: ["src/misc/a.ts: the folder 'misc' has no row in the import table"],
  },
  'source importing a test': {
    rule: rules.importTable,
    path: 'src/base/a.ts',
    text: "export * from '../../test/a.ts';",
    says: ['src/base/a.ts:1: imports test/a.ts, which is outside src'],
  },
  'a value where only types are shared': {
    rule: rules.importTable,
    path: 'src/command/spec.ts',
    text: "import type { A } from '../engine/a.ts';\nimport { b } from '../engine/b.ts';",
    says: ["src/command/spec.ts:2: command may import only types from engine: write 'import type'"],
  },
  'a cycle of one': {
    rule: rules.noCycles,
    path: 'src/base/a.ts',
    text: "import { a } from './a.ts';",
    says: ['import cycle: src/base/a.ts → src/base/a.ts'],
  },
  'a socket in the engine': {
    rule: rules.worldIsRationed,
    path: 'src/engine/a.ts',
    text: "import type { Socket } from 'node:net';\nimport { connect } from 'node:net';",
    says: ['src/engine/a.ts:2: may not use node:net: if it must, say why in test/tidy/allowed.ts'],
  },
  'a file opened lazily': {
    rule: rules.worldIsRationed,
    path: 'src/engine/a.ts',
    text: "const fs = await import('node:fs/promises');",
    says: ['src/engine/a.ts:1: may not use node:fs: if it must, say why in test/tidy/allowed.ts'],
  },
  'an import without its suffix': {
    rule: rules.typescriptImports,
    path: 'src/base/a.ts',
    text: "import {\n  b,\n} from './b';",
    says: ["src/base/a.ts:3: './b' must name a .ts file"],
  },
  'a second JavaScript file': {
    rule: rules.oneJavaScriptFile,
    path: 'bench/tool.mjs',
    text: '',
    says: ['bench/tool.mjs: src/launch.mjs is the only JavaScript file, write TypeScript'],
  },
  'a Bun API': {
    rule: rules.noBunApi,
    path: 'src/base/a.ts',
    text: '// Bun.gc is fine to mention\nBun.gc(true);',
    says: ['src/base/a.ts:2: uses a Bun API: everything runs on Node too, take node: ones'],
  },
  'a Bun module': {
    rule: rules.noBunApi,
    path: 'src/base/a.ts',
    text: "import { Database } from 'bun:sqlite';",
    says: ['src/base/a.ts:1: uses a Bun API: everything runs on Node too, take node: ones'],
  },
  'spread in a hot path': {
    rule: rules.hotPaths,
    path: 'src/resp/a.ts',
    text: '/** Hot path. */\nf(...a);\nf(...b); // cold: at start',
    says: ["src/resp/a.ts:2: spread or rest in a hot path: move it out, or say '// cold: why' on its line"],
  },
  'a promise in a hot path': {
    rule: rules.hotPaths,
    path: 'src/resp/a.ts',
    text: '/** Hot path. */\nasync function f() {}',
    says: ["src/resp/a.ts:2: async in a hot path: move it out, or say '// cold: why' on its line"],
  },
  'a regular expression in a hot path': {
    rule: rules.hotPaths,
    path: 'src/resp/a.ts',
    text: '/** Hot path. */\nconst half = a / 2 / b;\nreturn /[/]x/.test(a);',
    says: ["src/resp/a.ts:3: a regular expression in a hot path: move it out, or say '// cold: why' on its line"],
  },
  'delete in a hot path': {
    rule: rules.hotPaths,
    path: 'src/resp/a.ts',
    text: '/** Hot path. */\nmap.delete(1);\ndelete a.b;',
    says: ["src/resp/a.ts:3: delete in a hot path: move it out, or say '// cold: why' on its line"],
  },
  'a file nobody reads to the end': {
    rule: rules.shortFiles,
    path: 'src/base/a.ts',
    text: '\n'.repeat(501),
    says: ['src/base/a.ts: 501 lines, 500 is the limit: split it by what it owns'],
  },
  'a path of one machine': {
    rule: rules.noMachine,
    path: 'docs/a.md',
    text: `one\nsee ${HOME}`,
    says: [`docs/a.md:2: '${HOME}' is a path of one machine`],
  },
  'a registry': {
    rule: rules.noMachine,
    path: 'docs/a.md',
    text: `https://${HOST}/x`,
    says: [`docs/a.md:1: '${HOST}' names a package registry`],
  },
  'a lockfile that npm ci will not take': {
    rule: rules.lockfile,
    path: 'package-lock.json',
    text: JSON.stringify({
      packages: { '': {}, 'node_modules/a': { version: '1.0.0', resolved: 'x', optionalDependencies: { b: '1' } } },
    }),
    says: [
      'package-lock.json: node_modules/a holds an address',
      'package-lock.json: node_modules/a has no integrity',
      'package-lock.json: b, optional in node_modules/a, is not locked: npm ci will refuse',
    ],
  },
  'a loose pin and a script of its own': {
    rule: rules.manifest,
    path: 'package.json',
    text: JSON.stringify({ scripts: { x: 'node x' }, dependencies: { a: '^1.0.0' }, devDependencies: {} }),
    says: [
      'package.json: a@^1.0.0 is not pinned to one version',
      "package.json: script 'x' must begin with 'exec node src/launch.mjs'",
    ],
  },
};

describe('a planted breach is reported:', () => {
  test.each(Object.entries(planted))('%s', (_name, { rule, path, text, says }) => {
    expect(rule([{ path, text }])).toEqual(says);
  });

  test('a cycle of two, once', () => {
    const files = [
      { path: 'src/base/a.ts', text: "export { b } from './b.ts';" },
      { path: 'src/base/b.ts', text: "import { a } from './a.ts';" },
    ];
    expect(rules.noCycles(files)).toEqual(['import cycle: src/base/a.ts → src/base/b.ts → src/base/a.ts']);
  });

  test('but not a cycle of types', () => {
    const files = [
      { path: 'src/base/a.ts', text: "export type { B } from './b.ts';" },
      { path: 'src/base/b.ts', text: "import { a } from './a.ts';" },
    ];
    expect(rules.noCycles(files)).toEqual([]);
  });
});

describe('reading source', () => {
  test('prose and strings are not code', () => {
    expect(codeOf("a('...') // ...\n/* ... */ b")).toBe("a('   ')       \n          b");
  });

  test('code inside a template is', () => {
    expect(codeOf('`...${f({ a: `...` }, ...b)}...`')).toBe('`   ${f({ a: `   ` }, ...b)}   `');
  });

  test('an import in a comment or a string is not one', () => {
    expect(importsOf("// import './a.ts';\nconst a = \"import './b.ts'\";\nimport type from './c.ts';")).toEqual([
      { specifier: './c.ts', typeOnly: false, line: 3 },
    ]);
  });
});
