/** The rules that hold the shape of the source: pure functions from files to breaches, so each is tested by planting one. */
import { posix } from 'node:path';
import { LINES_MAX, LONG_FILES, MAY_IMPORT, TYPES_ONLY, UNHASHED, WORLD } from './allowed.ts';
import { codeOf, headerOf, importsOf, lineAt, type SourceFile } from './source.ts';

export type Rule = (files: readonly SourceFile[]) => string[];

/** `src/gateway/tls.ts` → `gateway`, `src/main.ts` → `main`. */
function folderOf(path: string): string {
  const [, folder = '', ...rest] = path.split('/');
  return rest.length === 0 ? folder.replace(/\.ts$/, '') : folder;
}

function inSource(files: readonly SourceFile[]): SourceFile[] {
  return files.filter(({ path }) => path.startsWith('src/') && path.endsWith('.ts'));
}

function isScript(path: string): boolean {
  return /\.(?:ts|mjs)$/.test(path);
}

function resolved(from: string, specifier: string): string {
  return posix.join(posix.dirname(from), specifier);
}

export const importTable: Rule = (files) => {
  const breaches: string[] = [];
  for (const { path, text } of inSource(files)) {
    const from = folderOf(path);
    const allowed = MAY_IMPORT[from];
    if (allowed === undefined) breaches.push(`${path}: the folder '${from}' has no row in the import table`);
    if (allowed === undefined || allowed === 'everything') continue;
    for (const { specifier, typeOnly, line } of importsOf(text)) {
      if (!specifier.startsWith('.')) continue;
      const target = resolved(path, specifier);
      const to = folderOf(target);
      if (!target.startsWith('src/')) breaches.push(`${path}:${line}: imports ${target}, which is outside src`);
      else if (to === from) continue;
      else if (!allowed.includes(to)) breaches.push(`${path}:${line}: ${from} may not import ${to}`);
      else if (!typeOnly && TYPES_ONLY.some(([a, b]) => a === from && b === to)) {
        breaches.push(`${path}:${line}: ${from} may import only types from ${to}: write 'import type'`);
      }
    }
  }
  return breaches;
};

/** Types are erased before anything runs, so only imports that exist at run time can close a cycle. */
export const noCycles: Rule = (files) => {
  const edges = new Map<string, string[]>();
  for (const { path, text } of files.filter((file) => isScript(file.path))) {
    const values = importsOf(text).filter(({ specifier, typeOnly }) => specifier.startsWith('.') && !typeOnly);
    edges.set(
      path,
      values.map(({ specifier }) => resolved(path, specifier)),
    );
  }
  const done = new Set<string>();
  const breaches: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const seen = trail.indexOf(path);
    if (seen !== -1) breaches.push(`import cycle: ${trail.slice(seen).concat(path).join(' → ')}`);
    if (seen !== -1 || done.has(path)) return;
    for (const target of edges.get(path) ?? []) visit(target, trail.concat(path));
    done.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return breaches;
};

export const worldIsRationed: Rule = (files) => {
  const breaches: string[] = [];
  for (const { path, text } of inSource(files)) {
    for (const { specifier, typeOnly, line } of importsOf(text)) {
      const module = specifier.replace(/^node:fs\/promises$/, 'node:fs');
      const permits = WORLD[module];
      if (typeOnly || permits === undefined) continue;
      const allowed = permits.some((permit) =>
        permit.path.endsWith('/') ? path.startsWith(permit.path) : path === permit.path,
      );
      if (!allowed)
        breaches.push(`${path}:${line}: may not use ${module}: if it must, say why in test/tidy/allowed.ts`);
    }
  }
  return breaches;
};

export const typescriptImports: Rule = (files) =>
  files
    .filter(({ path }) => path.endsWith('.ts'))
    .flatMap(({ path, text }) =>
      importsOf(text)
        .filter(({ specifier }) => specifier.startsWith('.') && !specifier.endsWith('.ts'))
        .map(({ specifier, line }) => `${path}:${line}: '${specifier}' must name a .ts file`),
    );

export const oneJavaScriptFile: Rule = (files) =>
  files
    .filter(({ path }) => /\.[cm]?jsx?$/.test(path) && path !== 'src/launch.mjs')
    .map(({ path }) => `${path}: src/launch.mjs is the only JavaScript file, write TypeScript`);

export const noBunApi: Rule = (files) =>
  inSource(files).flatMap(({ path, text }) => {
    const named = [...codeOf(text).matchAll(/\bBun\s*(?:\.|\[|\?\.)/g)].map(({ index }) => lineAt(text, index));
    const imported = importsOf(text).filter(({ specifier }) => /^bun(?::|$)/.test(specifier));
    return named
      .concat(imported.map(({ line }) => line))
      .map((line) => `${path}:${line}: uses a Bun API: everything runs on Node too, take node: ones`);
  });

const COSTLY: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/\.\.\./g, 'spread or rest'],
  [/\b(?:async|await)\b/g, 'async'],
  [/(?<![\w$.])delete\s/g, 'delete'],
  [/\/ +\//g, 'a regular expression'],
];

/** What a hot file does once, at start, may be marked on its line or the one above: `// cold: built once per process`. */
const COLD = /\/\/ cold: \S/;

/** Files whose header says `Hot path` run once per command or per byte. */
export const hotPaths: Rule = (files) => {
  const breaches: string[] = [];
  for (const { path, text } of inSource(files)) {
    if (!/\bHot path/.test(headerOf(text))) continue;
    const code = codeOf(text);
    const lines = text.split('\n');
    for (const [pattern, name] of COSTLY) {
      for (const { index } of code.matchAll(pattern)) {
        const line = lineAt(text, index);
        if (COLD.test(`${lines[line - 2] ?? ''}\n${lines[line - 1] ?? ''}`)) continue;
        breaches.push(`${path}:${line}: ${name} in a hot path: move it out, or say '// cold: why' on its line`);
      }
    }
  }
  return breaches;
};

export const shortFiles: Rule = (files) =>
  files
    .filter(({ path }) => isScript(path) && !LONG_FILES.some((permit) => permit.path === path))
    .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    .filter(({ lines }) => lines > LINES_MAX)
    .map(({ path, lines }) => `${path}: ${lines} lines, ${LINES_MAX} is the limit: split it by what it owns`);

const MACHINE_PATH = /(?<![\w./$}-])\/(?:root|home|work|Users)\/\w[\w./-]*/g;
const REGISTRY = /\bregistry\.[a-z0-9-]+\.[a-z]{2,}|\bnpm(?:mirror|js)\.(?:com|org)\b/gi;

export const noMachine: Rule = (files) =>
  files.flatMap(({ path, text }) => [
    ...[...text.matchAll(MACHINE_PATH)].map(
      (match) => `${path}:${lineAt(text, match.index)}: '${match[0]}' is a path of one machine`,
    ),
    ...[...text.matchAll(REGISTRY)].map(
      (match) => `${path}:${lineAt(text, match.index)}: '${match[0]}' names a package registry`,
    ),
  ]);

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/**
 * npm drops the packages of other platforms from the lockfile when the registry at hand does not serve them, and `npm ci`
 * then refuses the whole lockfile.
 */
export const lockfile: Rule = (files) => {
  const file = files.find(({ path }) => path === 'package-lock.json');
  if (file === undefined) return ['package-lock.json is missing'];
  const { packages }: { packages: Readonly<Record<string, Locked>> } = JSON.parse(file.text);
  const breaches: string[] = [];
  for (const [path, { version, integrity, resolved: address, optionalDependencies }] of Object.entries(packages)) {
    if (address !== undefined) breaches.push(`package-lock.json: ${path} holds an address`);
    if (path !== '' && integrity === undefined && !(UNHASHED.test(path) && version !== undefined)) {
      breaches.push(`package-lock.json: ${path} has no integrity`);
    }
    for (const name of Object.keys(optionalDependencies ?? {})) {
      const isLocked = [`node_modules/${name}`, `${path}/node_modules/${name}`].some((key) => key in packages);
      if (!isLocked)
        breaches.push(`package-lock.json: ${name}, optional in ${path}, is not locked: npm ci will refuse`);
    }
  }
  return breaches;
};

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
}

export const manifest: Rule = (files) => {
  const file = files.find(({ path }) => path === 'package.json');
  if (file === undefined) return ['package.json is missing'];
  const { scripts, dependencies, devDependencies }: Manifest = JSON.parse(file.text);
  const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(
    ([, version]) => !/^\d+\.\d+\.\d+$/.test(version),
  );
  const direct = Object.entries(scripts).filter(([, script]) => !script.startsWith('exec node src/launch.mjs '));
  return [
    ...loose.map(([name, version]) => `package.json: ${name}@${version} is not pinned to one version`),
    ...direct.map(([name]) => `package.json: script '${name}' must begin with 'exec node src/launch.mjs'`),
  ];
};

export const rules = {
  importTable,
  noCycles,
  worldIsRationed,
  typescriptImports,
  oneJavaScriptFile,
  noBunApi,
  hotPaths,
  shortFiles,
  noMachine,
  lockfile,
  manifest,
} as const satisfies Record<string, Rule>;
