/** What a person may say at the command line or in the environment, and what is wrong with it in one line. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { SHARDS_MAX } from '../base/limits.ts';
import { failure, type Result, success } from '../base/result.ts';
import type { SyncPolicy } from '../command/ports/durability.ts';

export interface Options {
  readonly bind: string;
  /** 0 = no such listener. */
  readonly tlsPort: number;
  readonly plainPort: number;
  /** Absolute paths. */
  readonly dataFolder: string;
  readonly policiesFolder: string;
  readonly certificatesFolder: string;
  readonly shards: number;
  readonly trustLoopback: boolean;
  readonly appendonly: boolean;
  readonly appendfsync: SyncPolicy;
  /** Options that were said and not defaulted: they win over the policy files. */
  readonly said: ReadonlySet<FlagName>;
}

export type FlagName = (typeof FLAGS)[number]['name'];

const FLAGS = [
  { name: 'bind', value: 'ADDRESS', fallback: '127.0.0.1', help: 'address to listen on' },
  { name: 'tls-port', value: 'PORT', fallback: '6380', help: 'port for TLS, 0 for none' },
  {
    name: 'plain-port',
    value: 'PORT',
    fallback: '0',
    help: 'port without TLS, on loopback unless policy says otherwise',
  },
  { name: 'data', value: 'FOLDER', fallback: 'data', help: 'where data is kept' },
  { name: 'policies', value: 'FOLDER', fallback: 'policies', help: 'gateway.yaml and tenants/*.yaml' },
  { name: 'certs', value: 'FOLDER', fallback: 'certs-dev', help: 'certificates and first passwords' },
  { name: 'shards', value: 'N', fallback: '1', help: `worker threads for data, 1 to ${SHARDS_MAX}` },
  { name: 'appendonly', value: 'yes|no', fallback: 'yes', help: 'keep a log of every change' },
  { name: 'appendfsync', value: 'MODE', fallback: 'everysec', help: 'when it is synced: always, everysec or no' },
  { name: 'trust-loopback', value: '', fallback: 'no', help: 'for tests: no password and no limits on loopback' },
  { name: 'runtime', value: 'bun|node', fallback: 'bun', help: 'what to run on' },
] as const;

/** `--tls-port` → PORTCULLIS_TLS_PORT. */
function variableOf(name: FlagName): string {
  return `PORTCULLIS_${name.toUpperCase().replaceAll('-', '_')}`;
}

/** The lines that --help prints of flags. */
export function flagsHelp(): string {
  return FLAGS.map(({ name, value, fallback, help }) => {
    const left = `  --${name}${value === '' ? '' : ` ${value}`}`;
    return `${left.padEnd(26)}${help} (${fallback}; ${variableOf(name)})\n`;
  }).join('');
}

export interface SplitWords {
  /** Flags of the tool's own. */
  readonly own: ReadonlyMap<string, string | boolean>;
  readonly positionals: readonly string[];
  /** What is left: for `parseOptions`, which refuses what it does not know. */
  readonly rest: readonly string[];
}

/** Parts what a tool takes for itself from the flags that every start knows. A flag without the value it needs is a fault. */
export function splitWords(
  args: readonly string[],
  own: Readonly<Record<string, 'string' | 'boolean'>>,
): Result<SplitWords> {
  const options: Record<string, { type: 'string' | 'boolean' }> = {};
  for (const { name, value } of FLAGS) options[name] = { type: value === '' ? 'boolean' : 'string' };
  for (const [name, type] of Object.entries(own)) options[name] = { type };
  const words = Array.from(args);
  const { tokens } = parseArgs({ args: words, options, strict: false, allowPositionals: true, tokens: true });
  const mine = new Map<string, string | boolean>();
  const positionals: string[] = [];
  const rest: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const type = Object.hasOwn(own, token.name) ? own[token.name] : undefined;
    if (type === undefined) {
      rest.push(token.value === undefined ? token.rawName : `${token.rawName}=${token.value}`);
    } else if ((type === 'string') !== (token.value !== undefined) || token.value === '') {
      return failure(`${token.rawName} ${type === 'string' ? 'needs a value' : 'takes no value'}`);
    } else mine.set(token.name, token.value ?? true);
  }
  return success({ own: mine, positionals, rest });
}

type Texts = ReadonlyMap<FlagName, { readonly text: string; readonly from: string }>;

/** Flags win over the environment. Relative folders are those of `cwd`. */
export function parseOptions(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  cwd: string,
): Result<Options> {
  const texts = collect(args, environment);
  if (!texts.ok) return texts;
  const reader = new Reader(texts.value);
  const options: Options = {
    bind: reader.text('bind'),
    tlsPort: reader.integer('tls-port', 0, 65_535),
    plainPort: reader.integer('plain-port', 0, 65_535),
    dataFolder: resolve(cwd, reader.text('data')),
    policiesFolder: resolve(cwd, reader.text('policies')),
    certificatesFolder: resolve(cwd, reader.text('certs')),
    shards: reader.integer('shards', 1, SHARDS_MAX),
    trustLoopback: reader.yesNo('trust-loopback'),
    appendonly: reader.yesNo('appendonly'),
    appendfsync: reader.choice('appendfsync', ['always', 'everysec', 'no']),
    said: new Set(texts.value.keys()),
  };
  const runtime = reader.text('runtime');
  if (runtime !== 'bun' && runtime !== 'node') reader.complain('runtime', 'must be bun or node');
  return reader.fault === undefined ? success(options) : failure(reader.fault);
}

function collect(args: readonly string[], environment: Readonly<Record<string, string | undefined>>): Result<Texts> {
  const texts = new Map<FlagName, { text: string; from: string }>();
  for (const { name } of FLAGS) {
    const text = environment[variableOf(name)];
    if (text !== undefined && text !== '') texts.set(name, { text, from: variableOf(name) });
  }
  const known = Object.fromEntries(
    FLAGS.map(({ name, value }) => [name, { type: value === '' ? 'boolean' : 'string' }]),
  );
  try {
    const { values } = parseArgs({
      args: Array.from(args),
      options: known as Record<FlagName, { type: 'boolean' | 'string' }>,
      strict: true,
      allowPositionals: false,
    });
    for (const { name } of FLAGS) {
      const given = values[name];
      if (given !== undefined) texts.set(name, { text: given === true ? 'yes' : String(given), from: `--${name}` });
    }
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    return failure(said.split('\n')[0]?.replace(/\. To specify.*$/, '') ?? said);
  }
  return success(texts);
}

class Reader {
  private readonly texts: Texts;
  /** The first thing that is wrong. */
  fault: string | undefined;

  constructor(texts: Texts) {
    this.texts = texts;
    this.fault = undefined;
  }

  text(name: FlagName): string {
    const found = this.texts.get(name)?.text ?? FLAGS.find((flag) => flag.name === name)?.fallback ?? '';
    if (found === '') this.complain(name, 'must not be empty');
    return found;
  }

  integer(name: FlagName, min: number, max: number): number {
    const text = this.text(name);
    const value = /^\d{1,9}$/.test(text) ? Number(text) : -1;
    if (value < min || value > max) this.complain(name, `must be a number from ${min} to ${max}, not '${text}'`);
    return value;
  }

  yesNo(name: FlagName): boolean {
    const text = this.text(name).toLowerCase();
    if (['yes', 'true', '1'].includes(text)) return true;
    if (!['no', 'false', '0'].includes(text)) this.complain(name, `must be yes or no, not '${text}'`);
    return false;
  }

  choice<const Choice extends string>(name: FlagName, choices: readonly [Choice, ...Choice[]]): Choice {
    const text = this.text(name).toLowerCase();
    const found = choices.find((choice) => choice === text);
    if (found === undefined) this.complain(name, `must be one of ${choices.join(', ')}, not '${text}'`);
    return found ?? choices[0];
  }

  complain(name: FlagName, what: string): void {
    this.fault ??= `${this.texts.get(name)?.from ?? `--${name}`} ${what}`;
  }
}
