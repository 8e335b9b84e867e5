/** Types of values in the words of a fault: what each is called, and why some are refused. */
import { latin1 } from '../base/bytes.ts';
import { RDB_KEY_SHOWN_BYTES } from '../base/limits.ts';
import {
  HASH_LISTPACK_BETA_TYPE,
  HASH_METADATA_BETA_TYPE,
  MODULE_2_TYPE,
  MODULE_TYPE,
  moduleTypeName,
} from './file-format.ts';
import { RdbType } from './format.ts';

const NAMES: ReadonlyMap<number, string> = new Map<number, string>([
  [RdbType.string, 'a string'],
  [RdbType.list, 'a list of elements'],
  [RdbType.set, 'a set of elements'],
  [RdbType.zsetTexts, 'a sorted set with scores as text'],
  [RdbType.hash, 'a hash of fields'],
  [RdbType.zset, 'a sorted set of members'],
  [RdbType.hashZipmap, 'a hash of a zipmap'],
  [RdbType.listZiplist, 'a list of a ziplist'],
  [RdbType.setIntset, 'a set of an intset'],
  [RdbType.zsetZiplist, 'a sorted set of a ziplist'],
  [RdbType.hashZiplist, 'a hash of a ziplist'],
  [RdbType.listQuicklist, 'a list of ziplists'],
  [RdbType.stream, 'a stream of the first form'],
  [RdbType.hashListpack, 'a hash of a listpack'],
  [RdbType.zsetListpack, 'a sorted set of a listpack'],
  [RdbType.listQuicklist2, 'a list of listpacks'],
  [RdbType.stream2, 'a stream of the second form'],
  [RdbType.setListpack, 'a set of a listpack'],
  [RdbType.stream3, 'a stream of the third form'],
  [RdbType.hashMetadata, 'a hash with times of fields'],
  [RdbType.hashListpackEx, 'a hash of a listpack with times of fields'],
]);

/** A key for a person to recognise, its beginning when it is long. */
export function shownKey(key: Uint8Array, start: number, end: number): string {
  const isShort = end - start <= RDB_KEY_SHOWN_BYTES;
  const shown = JSON.stringify(latin1(key, start, isShort ? end : start + RDB_KEY_SHOWN_BYTES));
  return isShort ? `key ${shown}` : `key ${shown}…`;
}

export function typeName(typeByte: number): string {
  return NAMES.get(typeByte) ?? `type ${typeByte}`;
}

/** Why a type that is not read is none; undefined for that of modules, whose name comes behind the key. */
export function typeRefusal(typeByte: number): string | undefined {
  switch (typeByte) {
    case MODULE_TYPE:
    case MODULE_2_TYPE:
      return undefined;
    case HASH_METADATA_BETA_TYPE:
    case HASH_LISTPACK_BETA_TYPE:
      return `type ${typeByte}, a hash with times of fields as betas of Redis 7.4 wrote it, cannot be loaded: save it with a release`;
    default:
      return `type ${typeByte} is not known`;
  }
}

export function moduleRefusal(id: bigint, what: 'value' | 'data', key: string): string {
  const where = what === 'value' ? `, the value of ${key},` : '';
  return `module type '${moduleTypeName(id)}'${where} cannot be loaded: there are no modules here`;
}
