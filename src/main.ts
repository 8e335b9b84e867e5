/**
 * The edge of the process: what was asked for, signals, and how it ends. Everything else is in src/app.
 *
 * stdout carries what was asked for (the line to paste, help, a verdict); whatever goes wrong is one line on stderr.
 */
import {
  audit,
  backup,
  type Command,
  certs,
  check,
  checkAof,
  checkRdb,
  diff,
  drill,
  explain,
  exportAcl,
  exportData,
  hash,
  importAcl,
  importData,
  restore,
  serve,
} from './app/commands.ts';
import { flagsHelp } from './app/options.ts';
import { VERSION } from './app/version.ts';
import { EXIT_MS_MAX } from './base/limits.ts';

const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['serve', serve],
  ['check', check],
  ['check-aof', checkAof],
  ['check-rdb', checkRdb],
  ['explain', explain],
  ['diff', diff],
  ['audit', audit],
  ['backup', backup],
  ['restore', restore],
  ['drill', drill],
  ['import', importData],
  ['export', exportData],
  ['import-acl', importAcl],
  ['export-acl', exportAcl],
  ['certs', certs],
  ['hash-password', hash],
]);

function help(): string {
  const commands = Array.from(COMMANDS, ([name, { usage, summary }]) => {
    return `  ${`${name}${usage === '' ? '' : ` ${usage}`}`.padEnd(36)}${summary}\n`;
  });
  return (
    `portcullis ${VERSION}: a secure front door for Redis\n\n` +
    `Usage: npm start -- [COMMAND] [FLAGS]\n\nCommands:\n${commands.join('')}\n` +
    `Flags (default; environment):\n${flagsHelp()}` +
    `  ${'--help, --version'.padEnd(24)}this, and which version this is\n`
  );
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(help());
    return 0;
  }
  if (args.includes('--version')) {
    process.stdout.write(`portcullis ${VERSION}\n`);
    return 0;
  }
  const [first = 'serve', ...rest] = args;
  const isNamed = !first.startsWith('-');
  const command = isNamed ? COMMANDS.get(first) : serve;
  if (command === undefined)
    return fail(`unknown command '${first}', known are: ${Array.from(COMMANDS.keys()).join(' ')}`);
  return command.run(isNamed ? rest : args, {
    environment: process.env,
    cwd: process.cwd(),
    versions: { node: process.versions.node, bun: process.versions['bun'] },
    print: (text) => process.stdout.write(text),
    fail,
    onSignal(signal, handler) {
      process.on(signal, handler);
      return () => process.off(signal, handler);
    },
  });
}

/** The one line that says why, and the exit code that goes with it. */
function fail(why: string): number {
  process.stderr.write(`portcullis: ${why.trim()}\n`);
  return 1;
}

const code = await main(process.argv.slice(2));
process.exitCode = code;
// Everything has been told and closed. Should something still hold the process, it is a socket of a peer that does not read.
setTimeout(() => process.exit(code), EXIT_MS_MAX).unref();
