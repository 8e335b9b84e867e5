import { describe, expect, it } from 'vitest';
import {
  type Args,
  atMostOne,
  after as behind,
  bytes,
  counted,
  group,
  integer,
  key,
  many,
  optional,
  READS,
  rows,
  token,
  WRITES,
} from '../../src/command/args.ts';
import { KeyList } from '../../src/command/command.ts';
import { UNCHANGED } from '../../src/command/effect.ts';
import { shardCommand } from '../../src/command/spec.ts';
import { CommandTable } from '../../src/command/table.ts';
import { Request } from '../../src/resp/request.ts';

function declare<const A extends Args>(args: A, seen: (args: unknown) => void = () => {}) {
  return new CommandTable([
    shardCommand({
      name: 'PROBE',
      summary: 'Stands for any command.',
      since: '1.0.0',
      group: 'generic',
      flags: [],
      args,
      run: (values) => {
        seen(values);
        return UNCHANGED;
      },
    }),
  ]);
}

function probe(table: CommandTable) {
  const command = table.named('probe');
  if (command === undefined) throw new Error('not declared');
  return command;
}

function parse(args: Args, ...words: string[]) {
  const command = probe(declare(args));
  const request = Request.of('PROBE', ...words);
  const refusal = command.parse(request);
  const keys = new KeyList();
  command.keys(request, keys);
  const found = Array.from({ length: keys.count }, (_, i) => [keys.at[i], keys.access[i]]);
  return { refusal: refusal?.text, keys: found, command };
}

const SET = {
  key: key('OW', 'update'),
  value: bytes,
  condition: atMostOne({ nx: token('NX'), xx: token('XX') }),
  get: token('GET'),
  expiry: atMostOne({ ex: behind('EX', integer()), keepttl: token('KEEPTTL') }),
};

describe('a declared argument list', () => {
  it('derives the arity that Redis gives the same list', () => {
    expect(probe(declare({ key: key('RO') })).arity).toBe(2);
    expect(probe(declare(SET)).arity).toBe(-3);
    expect(probe(declare({ keys: many(key('RO')) })).arity).toBe(-2);
    expect(probe(declare({ pairs: rows({ key: key('OW'), value: bytes }) })).arity).toBe(-3);
    expect(probe(declare({ keys: counted(key('RO')), rest: token('LIMIT') })).arity).toBe(-3);
    expect(probe(declare({ key: key('RW'), count: optional(integer()) })).arity).toBe(-2);
  });

  it('takes options in any order and in any case, the last value of a repeated one', () => {
    expect(parse(SET, 'k', 'v', 'eX', '10', 'gEt', 'NX').refusal).toBeUndefined();
    expect(parse(SET, 'k', 'v', 'EX', '10', 'EX', '20').refusal).toBeUndefined();
  });

  it('refuses unknown words, missing values and options that exclude one another', () => {
    for (const words of [['BOGUS'], ['EX'], ['NX', 'XX'], ['EX', '1', 'KEEPTTL'], ['GET', 'v']]) {
      expect(parse(SET, 'k', 'v', ...words).refusal).toBe('ERR syntax error');
    }
    expect(parse(SET, 'k', 'v', 'EX', '1.5').refusal).toBe('ERR value is not an integer or out of range');
  });

  it('forgets the options of the request before', () => {
    const seen: unknown[] = [];
    const table = declare(SET, (values) => seen.push({ ...(values as object) }));
    const command = probe(table);
    const run = (...words: string[]) => {
      expect(command.parse(Request.of('PROBE', ...words))).toBeUndefined();
      command.runShard?.(undefined as never, undefined as never);
    };
    run('k', 'v', 'EX', '5', 'GET');
    run('k', 'v');
    command.parse(Request.of('PROBE', 'k', 'v', 'NX', 'BOGUS'));
    run('k', 'v');
    const bare = { key: 1, value: 2, condition: undefined, get: false, expiry: undefined };
    expect(seen).toEqual([{ ...bare, get: true, expiry: { kind: 'ex', value: 5 } }, bare, bare]);
  });

  it('reports keys with their access, also when the parse refuses behind them', () => {
    expect(parse(SET, 'k', 'v', 'BOGUS').keys).toEqual([[1, WRITES]]);
    expect(parse({ from: key('RW', 'access', 'delete'), to: key('OW', 'update') }, 'a', 'b').keys).toEqual([
      [1, READS | WRITES],
      [2, WRITES],
    ]);
    expect(parse({ pairs: rows({ key: key('OW', 'update'), value: bytes }) }, 'a', '1', 'b', '2').keys).toEqual([
      [1, WRITES],
      [3, WRITES],
    ]);
    const store = { keys: counted(key('RO', 'access')), store: behind('STORE', key('OW', 'update')) };
    expect(parse(store, '2', 'a', 'b', 'STORE', 'c').keys).toEqual([
      [2, READS],
      [3, READS],
      [5, WRITES],
    ]);
  });

  it('finds no keys behind a count that lies', () => {
    const list = { keys: counted(key('RO', 'access')) };
    for (const count of ['0', '-1', '3', '00', '9223372036854775807', '9223372036854775808', 'x', '']) {
      const { refusal, keys } = parse(list, count, 'a', 'b');
      expect(refusal).toBeDefined();
      expect(keys).toEqual([]);
    }
  });

  it('refuses incomplete rows with the words of an arity error', () => {
    const pairs = { pairs: rows({ key: key('OW', 'update'), value: bytes }) };
    expect(parse(pairs, 'a', '1', 'b').refusal).toBe("ERR wrong number of arguments for 'probe' command");
  });

  it('gives a row of values behind one word as the position of the first', () => {
    const seen: unknown[] = [];
    const table = declare(
      { key: key('RO'), limit: behind('LIMIT', group({ offset: bytes, count: bytes })) },
      (values) => seen.push({ ...(values as object) }),
    );
    const command = probe(table);
    expect(command.parse(Request.of('PROBE', 'k', 'LIMIT', '1', '2'))).toBeUndefined();
    command.runShard?.(undefined as never, undefined as never);
    expect(seen).toEqual([{ key: 1, limit: 3 }]);
    expect(command.parse(Request.of('PROBE', 'k', 'LIMIT', '1'))?.text).toBe('ERR syntax error');
  });

  it('names its only key when that never moves', () => {
    expect(probe(declare(SET)).fixedKey).toBe(1);
    expect(probe(declare({ word: bytes })).fixedKey).toBe(0);
    expect(probe(declare({ keys: many(key('RO')) })).fixedKey).toBe(-1);
    expect(probe(declare({ a: key('RO'), b: key('RO') })).fixedKey).toBe(-1);
  });
});

describe('the command table', () => {
  it('finds names in any ASCII case and in no other alphabet', () => {
    const table = declare({ key: key('RO') });
    for (const word of ['probe', 'PROBE', 'pRoBe']) expect(table.resolve(Request.of(word))?.fullName).toBe('probe');
    for (const word of ['prob', 'probee', 'pro\u017fe', '', 'PROBE\0', '__proto__', 'x'.repeat(100000)]) {
      expect(table.resolve(Request.of(word))).toBeUndefined();
    }
  });
});
