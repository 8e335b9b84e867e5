/**
 * Every error text that a client can read. A refusal is a value: gates and handlers return it, the writer copies its
 * bytes, errorstats counts its code. Texts are those of redis-server 7.0.15, asked of the server itself
 * (`test/resp/refusals.test.ts` asks again); the gateway's own stand at the end.
 *
 * Text is one character per byte (latin1), so that a client's own words come back as the bytes they were.
 */
import { latin1 } from '../base/bytes.ts';
import { ECHOED_BYTES_MAX, ERROR_LINE_BYTES_MAX, UNKNOWN_COMMAND_LINE_BYTES_MAX } from '../base/limits.ts';
import type { Request } from './request.ts';

export interface Refusal {
  /** First word: ERR, WRONGTYPE, NOPERM. What errorstats counts by. */
  readonly code: string;
  /** The whole line, `-` and CRLF included. */
  readonly bytes: Uint8Array;
  /** The line without `-` and CRLF. */
  readonly text: string;
}

/**
 * A refusal of this text, which begins with its code. Redis turns CR and LF into blanks, so that no text can end the
 * line early; all other control characters become blanks too (redis passes them on), as they may steer a terminal.
 */
export function refusal(text: string): Refusal {
  const length = Math.min(text.length, ERROR_LINE_BYTES_MAX - 3);
  const bytes = new Uint8Array(length + 3);
  let clean = '';
  bytes[0] = 0x2d;
  for (let i = 0; i < length; i++) {
    const byte = safeCharacter(text.charCodeAt(i));
    bytes[i + 1] = byte;
    clean += String.fromCharCode(byte);
  }
  bytes[length + 1] = 0x0d;
  bytes[length + 2] = 0x0a;
  const blank = clean.indexOf(' ');
  return { code: blank < 0 ? clean : clean.slice(0, blank), bytes, text: clean };
}

function safeCharacter(code: number): number {
  if (code < 0x20 || code === 0x7f) return 0x20;
  return code > 0xff ? 0x3f : code;
}

// -- Wire --------------------------------------------------------------------------------------------------------------

export const INVALID_MULTIBULK_LENGTH = refusal('ERR Protocol error: invalid multibulk length');
export const INVALID_BULK_LENGTH = refusal('ERR Protocol error: invalid bulk length');
export const UNAUTHENTICATED_MULTIBULK_LENGTH = refusal('ERR Protocol error: unauthenticated multibulk length');
export const UNAUTHENTICATED_BULK_LENGTH = refusal('ERR Protocol error: unauthenticated bulk length');
export const TOO_BIG_MULTIBULK_COUNT = refusal('ERR Protocol error: too big mbulk count string');
export const TOO_BIG_BULK_COUNT = refusal('ERR Protocol error: too big bulk count string');
export const TOO_BIG_INLINE = refusal('ERR Protocol error: too big inline request');
export const UNBALANCED_QUOTES = refusal('ERR Protocol error: unbalanced quotes in request');
/** Ours: redis does not look at the two bytes behind a bulk, which lets a smuggled command through. */
export const BULK_NOT_TERMINATED = refusal('ERR Protocol error: expected CRLF after bulk');

export function expectedDollar(got: number): Refusal {
  return refusal(`ERR Protocol error: expected '$', got '${String.fromCharCode(got)}'`);
}

/** Ours: redis reads a RESP3 value as the line of an inline command. */
export function expectedRequest(got: number): Refusal {
  return refusal(`ERR Protocol error: expected '*', got '${String.fromCharCode(got)}'`);
}

// -- Arguments ---------------------------------------------------------------------------------------------------------

export const WRONG_TYPE = refusal('WRONGTYPE Operation against a key holding the wrong kind of value');
export const SYNTAX_ERROR = refusal('ERR syntax error');
export const NOT_AN_INTEGER = refusal('ERR value is not an integer or out of range');
export const NOT_A_FLOAT = refusal('ERR value is not a valid float');
export const MUST_BE_POSITIVE = refusal('ERR value is out of range, must be positive');
export const NO_SUCH_KEY = refusal('ERR no such key');
export const INDEX_OUT_OF_RANGE = refusal('ERR index out of range');
export const OFFSET_OUT_OF_RANGE = refusal('ERR offset is out of range');
export const BIT_OFFSET_OUT_OF_RANGE = refusal('ERR bit offset is not an integer or out of range');
export const BIT_OUT_OF_RANGE = refusal('ERR bit is not an integer or out of range');
export const STRING_TOO_LONG = refusal('ERR string exceeds maximum allowed size (proto-max-bulk-len)');
export const SAME_OBJECT = refusal('ERR source and destination objects are the same');
export const INCREMENT_OVERFLOW = refusal('ERR increment or decrement would overflow');
export const DECREMENT_OVERFLOW = refusal('ERR decrement would overflow');
export const INCREMENT_NOT_FINITE = refusal('ERR increment would produce NaN or Infinity');
export const NUMKEYS_NOT_POSITIVE = refusal('ERR numkeys should be greater than 0');
export const LCS_LEN_WITH_IDX = refusal('ERR If you want both the length and indexes, please just use IDX.');
export const LCS_NOT_STRINGS = refusal('ERR The specified keys must contain string values');
export const LCS_TOO_LARGE = refusal('ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len');
export const NOT_AN_INT32 = refusal('ERR value is out of range, value must between -2147483648 and 2147483647');
export const COUNT_OUT_OF_RANGE = refusal(
  'ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807',
);
export const OUT_OF_RANGE = refusal('ERR value is out of range');
export const NOT_FINITE = refusal('ERR value is NaN or Infinity');
/** Of commands about the times of fields, newer than 7.0: worded as 8.0 does. */
export const FIELDS_MISSING = refusal('ERR Mandatory argument FIELDS is missing or not at the right position');
export const NUMFIELDS_NOT_POSITIVE = refusal('ERR Number of fields must be a positive integer');
export const NUMFIELDS_TOO_SMALL = refusal('ERR Parameter `numFields` should be greater than 0');
export const NUMFIELDS_MISMATCH = refusal('ERR The `numfields` parameter must match the number of arguments');
export const NUMFIELDS_INVALID = refusal('ERR invalid number of fields');
export const FIELD_TIME_NEGATIVE = refusal('ERR invalid expire time, must be >= 0');
export const FIELD_TIME_MISSING = refusal('ERR missing expire time');
export const FXX_FNX_CONFLICT = refusal('ERR Only one of FXX or FNX arguments can be specified');
export const FIELD_TIME_CONFLICT = refusal('ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified');
export const HASH_VALUE_NOT_AN_INTEGER = refusal('ERR hash value is not an integer');
export const HASH_VALUE_NOT_A_FLOAT = refusal('ERR hash value is not a float');
export const NUMKEYS_BEYOND_ARGUMENTS = refusal("ERR Number of keys can't be greater than number of args");
export const BIT_TYPE_INVALID = refusal(
  'ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.',
);
export const BITPOS_BIT_INVALID = refusal('ERR The bit argument must be 1 or 0.');
export const BITOP_NOT_KEYS = refusal('ERR BITOP NOT must be called with a single source key.');
export const BITFIELD_OVERFLOW_INVALID = refusal('ERR Invalid OVERFLOW type specified');
export const BITFIELD_READ_ONLY = refusal('ERR BITFIELD_RO only supports the GET subcommand');
export const NOT_A_HYPERLOGLOG = refusal('WRONGTYPE Key is not a valid HyperLogLog string value.');
export const HYPERLOGLOG_CORRUPTED = refusal('INVALIDOBJ Corrupted HLL object detected');
export const HYPERLOGLOG_NOT_SPARSE = refusal('ERR HLL encoding is not sparse');
export const KEY_DOES_NOT_EXIST = refusal('ERR The specified key does not exist');
export const ZADD_XX_NX_CONFLICT = refusal('ERR XX and NX options at the same time are not compatible');
export const ZADD_GT_LT_NX_CONFLICT = refusal('ERR GT, LT, and/or NX options at the same time are not compatible');
export const ZADD_INCR_ONE_PAIR = refusal('ERR INCR option supports a single increment-element pair');
export const SCORE_NOT_A_NUMBER = refusal('ERR resulting score is not a number (NaN)');
export const SCORE_RANGE_INVALID = refusal('ERR min or max is not a float');
export const LEX_RANGE_INVALID = refusal('ERR min or max not valid string range item');
export const LIMIT_NEEDS_SCORE_OR_LEX = refusal(
  'ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX',
);
export const WITHSCORES_NOT_BY_LEX = refusal('ERR syntax error, WITHSCORES not supported in combination with BYLEX');
export const WEIGHT_NOT_A_FLOAT = refusal('ERR weight value is not a float');
export const LIMIT_NEGATIVE = refusal("ERR LIMIT can't be negative");
export const COUNT_NOT_POSITIVE = refusal('ERR count should be greater than 0');
export const RANK_ZERO = refusal(
  "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
);
export const COUNT_NEGATIVE = refusal("ERR COUNT can't be negative");
export const MAXLEN_NEGATIVE = refusal("ERR MAXLEN can't be negative");
export const GEO_UNIT_INVALID = refusal('ERR unsupported unit provided. please use M, KM, FT, MI');
export const GEO_MEMBER_UNKNOWN = refusal('ERR could not decode requested zset member');
export const GEO_RADIUS_NOT_NUMERIC = refusal('ERR need numeric radius');
export const GEO_RADIUS_NEGATIVE = refusal('ERR radius cannot be negative');
export const GEO_WIDTH_NOT_NUMERIC = refusal('ERR need numeric width');
export const GEO_HEIGHT_NOT_NUMERIC = refusal('ERR need numeric height');
export const GEO_BOX_NEGATIVE = refusal('ERR height or width cannot be negative');
export const GEO_COUNT_NOT_POSITIVE = refusal('ERR COUNT must be > 0');
export const GEO_ANY_NEEDS_COUNT = refusal('ERR the ANY argument requires COUNT argument');
export const GEO_STORE_WITH = refusal(
  'ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options',
);
export const GEOSEARCHSTORE_WITH = refusal(
  'ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options',
);
export const SORT_NOT_NUMERIC = refusal("ERR One or more scores can't be converted into double");
export const TIMEOUT_NOT_AN_INTEGER = refusal('ERR timeout is not an integer or out of range');
export const TIMEOUT_NOT_A_FLOAT = refusal('ERR timeout is not a float or out of range');
export const TIMEOUT_NEGATIVE = refusal('ERR timeout is negative');
export const INVALID_TTL = refusal('ERR Invalid TTL value, must be >= 0');
export const INVALID_IDLETIME = refusal('ERR Invalid IDLETIME value, must be >= 0');
export const INVALID_FREQ = refusal('ERR Invalid FREQ value, must be >= 0 and <= 255');
export const DUMP_PAYLOAD_WRONG = refusal('ERR DUMP payload version or checksum are wrong');
/** Ours: types whose place in the RDB format is not written yet. */
export const BAD_DATA_FORMAT = refusal('ERR Bad data format');
export const LFU_NOT_SELECTED = refusal(
  'ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.',
);
export const LFU_SELECTED = refusal(
  'ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.',
);
export const INVALID_CURSOR = refusal('ERR invalid cursor');
export const DB_OUT_OF_RANGE = refusal('ERR DB index is out of range');
export const INVALID_FIRST_DB = refusal('ERR invalid first DB index');
export const INVALID_SECOND_DB = refusal('ERR invalid second DB index');
export const EXPIRE_NX_CONFLICT = refusal('ERR NX and XX, GT or LT options at the same time are not compatible');
export const EXPIRE_GT_LT_CONFLICT = refusal('ERR GT and LT options at the same time are not compatible');

/** `option` as the client wrote it, but for line ends behind it. */
export function unsupportedOption(option: string): Refusal {
  return refusal(
    `ERR Unsupported option ${upToNul(option)
      .replace(/[\r\n]+$/, '')
      .slice(0, ECHOED_BYTES_MAX)}`,
  );
}

/** `argument` as the client wrote it. */
export function unknownArgument(argument: string): Refusal {
  return refusal(`ERR unknown argument: ${upToNul(argument).slice(0, ECHOED_BYTES_MAX)}`);
}

export function invalidExpireTime(command: string): Refusal {
  return refusal(`ERR invalid expire time in '${command}' command`);
}

/** Longitude and latitude as `%f` prints them. */
export function invalidPlace(longitude: string, latitude: string): Refusal {
  return refusal(`ERR invalid longitude,latitude pair ${longitude},${latitude}`);
}

/** `command` as the client wrote it. */
export function geoMiddleNeeded(command: string): Refusal {
  return refusal(`ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ${upToNul(command)}`);
}
export function geoShapeNeeded(command: string): Refusal {
  return refusal(`ERR exactly one of BYRADIUS and BYBOX can be specified for ${upToNul(command)}`);
}

/** `command` in lower case. */
export function inputKeyNeeded(command: string): Refusal {
  return refusal(`ERR at least 1 input key is needed for '${command}' command`);
}

/** `command` in lower case; a subcommand is spelled with its container: `config|get`. */
export function wrongArity(command: string): Refusal {
  return refusal(`ERR wrong number of arguments for '${command}' command`);
}

/**
 * As redis words it: the name and the arguments each cut to 128 bytes and at a NUL. Ours is bounded as a whole, too: a
 * long name leaves less room for the arguments.
 */
export function unknownCommand(request: Request): Refusal {
  let text = `ERR unknown command '${echoed(request, 0, ECHOED_BYTES_MAX)}', with args beginning with: `;
  let repeated = 0;
  for (let i = 1; i < request.argc && repeated < ECHOED_BYTES_MAX; i++) {
    // Two quotes and the blank behind; marker and CRLF of the line.
    const room = UNKNOWN_COMMAND_LINE_BYTES_MAX - 3 - text.length - 3;
    if (room <= 0) break;
    const word = `'${echoed(request, i, Math.min(ECHOED_BYTES_MAX - repeated, room))}' `;
    text += word;
    repeated += word.length;
  }
  return refusal(text);
}

/** `container` in lower case. */
export function unknownSubcommand(container: string, subcommand: string): Refusal {
  const shown = upToNul(subcommand).slice(0, ECHOED_BYTES_MAX);
  return refusal(`ERR unknown subcommand '${shown}'. Try ${container.toUpperCase()} HELP.`);
}

export function unknownPfdebugSubcommand(subcommand: string): Refusal {
  return refusal(`ERR Unknown PFDEBUG subcommand '${upToNul(subcommand).slice(0, ECHOED_BYTES_MAX)}'`);
}

/** What DEBUG, and containers whose subcommand has a wrong number of arguments, answer. */
export function unknownSubcommandOrArguments(container: string, subcommand: string): Refusal {
  const shown = upToNul(subcommand).slice(0, ECHOED_BYTES_MAX);
  return refusal(
    `ERR unknown subcommand or wrong number of arguments for '${shown}'. Try ${container.toUpperCase()} HELP.`,
  );
}

function echoed(request: Request, index: number, bytesMax: number): string {
  const start = request.start(index);
  return upToNul(latin1(request.bytes, start, Math.min(request.end(index), start + bytesMax)));
}

/** Redis prints with `%s`, which ends at a NUL. */
function upToNul(text: string): string {
  const nul = text.indexOf('\0');
  return nul < 0 ? text : text.slice(0, nul);
}

// -- Who and what state ------------------------------------------------------------------------------------------------

export const NOAUTH = refusal('NOAUTH Authentication required.');
export const HELLO_NOAUTH = refusal(
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time',
);
export const WRONGPASS = refusal('WRONGPASS invalid username-password pair or user is disabled.');
export const AUTH_WITHOUT_PASSWORD = refusal(
  'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
);
export const NOPERM_KEY = refusal('NOPERM this user has no permissions to access one of the keys used as arguments');
export const NOPERM_CHANNEL = refusal(
  'NOPERM this user has no permissions to access one of the channels used as arguments',
);
export const NOPROTO = refusal('NOPROTO unsupported protocol version');
export const PROTOCOL_VERSION_NOT_AN_INTEGER = refusal('ERR Protocol version is not an integer or out of range');
export const OOM = refusal("OOM command not allowed when used memory > 'maxmemory'.");
/** @param option BY or GET: its pattern makes keys out of values, which may lie in any shard */
export function sortDeniedInPool(option: string): Refusal {
  return refusal(`ERR ${option} option of SORT denied in Cluster mode.`);
}
/** The same for a user who may not read every key. */
export function sortDenied(option: string): Refusal {
  return refusal(`ERR ${option} option of SORT denied due to insufficient ACL permissions.`);
}
export const CROSSSLOT = refusal("CROSSSLOT Keys in request don't hash to the same slot");
export const LOADING = refusal('LOADING Redis is loading the dataset in memory');
/** @param why in the words of strerror */
export function misconfLog(why: string): Refusal {
  return refusal(`MISCONF Errors writing to the AOF file: ${why}`);
}
export const SAVE_IN_PROGRESS = refusal('ERR Background save already in progress');
export const SAVE_BESIDE_REWRITE = refusal(
  "ERR Another child process is active (AOF?): can't BGSAVE right now. " +
    'Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible.',
);
export const REWRITE_IN_PROGRESS = refusal('ERR Background append only file rewriting already in progress');
/** @param why one line, without paths of the server where a user must not see them */
export function saveFailed(why: string): Refusal {
  return refusal(`ERR the data could not be saved: ${why}`);
}
export const BACKUP_IN_PROGRESS = refusal('ERR A backup is already in progress');
export const BACKUP_NAME_INVALID = refusal(
  'ERR the name of a backup has letters, digits, dots, dashes and underscores, and no path',
);
export function backupFailed(why: string): Refusal {
  return refusal(`ERR the backup failed: ${why}`);
}
/** In place of replies whose change the disk did not take: it may be lost, and was never acknowledged. */
export const LOG_FAILED = refusal('MISCONF Errors writing to the AOF file: the change may not survive a restart');
export const MISCONF_SNAPSHOT = refusal(
  "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. " +
    'Commands that may modify the data set are disabled, because this instance is configured to report errors during ' +
    'writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details ' +
    'about the RDB error.',
);
export const BUSY_KEY = refusal('BUSYKEY Target key name already exists.');
export const READONLY = refusal("READONLY You can't write against a read only replica.");
export const NOSCRIPT = refusal('NOSCRIPT No matching script. Please use EVAL.');
export const EXECABORT = refusal('EXECABORT Transaction discarded because of previous errors.');
export const EXEC_WITHOUT_MULTI = refusal('ERR EXEC without MULTI');
export const DISCARD_WITHOUT_MULTI = refusal('ERR DISCARD without MULTI');
export const MULTI_NESTED = refusal('ERR MULTI calls can not be nested');
export const NOT_IN_MULTI = refusal('ERR Command not allowed inside a transaction');
export const TRANSACTION_TOO_LARGE = refusal('ERR transaction is too large');
export const WATCH_IN_MULTI = refusal('ERR WATCH inside MULTI is not allowed');
/** EXEC itself may not run. redis-server repeats a code like NOPERM but not ERR, as it adds that last. */
export function execAbort(reason: Refusal): Refusal {
  return refusal(`EXECABORT Transaction discarded because of: ${reason.text.replace(/^ERR /, '')}`);
}
/** A command of a transaction that was allowed when it was queued. */
export function rulesChanged(reason: string): Refusal {
  return refusal(
    `NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer allowed for the following reason: ${reason}`,
  );
}
/** It would change what the commands behind it mean, which are on their way to a shard by then. */
export function notInPoolTransaction(command: string): Refusal {
  return refusal(`ERR ${command} is not possible in a transaction over a pool of shards`);
}
export const MAX_CLIENTS = refusal('ERR max number of clients reached');
export const BAD_CLIENT_NAME = refusal('ERR Client names cannot contain spaces, newlines or special characters.');
export const NO_SUCH_CLIENT = refusal('ERR No such client');
export const BAD_CLIENT_ID = refusal('ERR client-id should be greater than 0');

export const INVALID_CLIENT_ID = refusal('ERR Invalid client ID');
export const PAUSE_MODE = refusal('ERR CLIENT PAUSE mode must be WRITE or ALL');
export const UNBLOCK_REASON = refusal('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR');
/** What a client that is taken out of its wait by CLIENT UNBLOCK … ERROR is told. */
export const UNBLOCKED = refusal('UNBLOCKED client unblocked via CLIENT UNBLOCK');
export const MAXAGE_NOT_AN_INTEGER = refusal('ERR maxage is not an integer or out of range');
export const MAXAGE_NOT_POSITIVE = refusal('ERR maxage should be greater than 0');
/** Told to whoever comes from elsewhere while nobody needs a password: redis-server's words, with advice that holds here. */
export const PROTECTED_MODE = refusal(
  'DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers to Redis you may adopt one of the following solutions: give the default user a password, or use the TLS port.',
);

export function unknownClientType(type: string): Refusal {
  return refusal(`ERR Unknown client type '${upToNul(type).slice(0, ECHOED_BYTES_MAX)}'`);
}

export function noSuchUser(name: string): Refusal {
  return refusal(`ERR No such user '${upToNul(name).slice(0, ECHOED_BYTES_MAX)}'`);
}

export function unrecognizedClientOption(option: string): Refusal {
  return refusal(`ERR Unrecognized option '${upToNul(option).slice(0, ECHOED_BYTES_MAX)}'`);
}

export function badClientAttribute(option: string): Refusal {
  const shown = upToNul(option).slice(0, ECHOED_BYTES_MAX);
  return refusal(`ERR ${shown} cannot contain spaces, newlines or special characters.`);
}

/** `command` as in {@link wrongArity}. */
export function nopermCommand(command: string): Refusal {
  return refusal(`NOPERM this user has no permissions to run the '${command}' command`);
}

export function helloSyntax(option: string): Refusal {
  return refusal(`ERR Syntax error in HELLO option '${upToNul(option).slice(0, ECHOED_BYTES_MAX)}'`);
}

/** RESP2 subscribers may only talk about subscriptions. */
export function onlyInSubscriberMode(command: string): Refusal {
  return refusal(
    `ERR Can't execute '${command}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`,
  );
}

// -- The gateway's own -------------------------------------------------------------------------------------------------

export const MAX_CLIENTS_ADDRESS = refusal('ERR max number of clients reached for your address');
export const MAX_CLIENTS_USER = refusal('ERR max number of clients reached for your user');
export const MAX_CLIENTS_TENANT = refusal('ERR max number of clients reached for your tenant');
export const CERTIFICATE_REFUSED = refusal('NOAUTH your client certificate is not accepted');
export const SERVER_NAME_UNKNOWN = refusal('ERR no server of that name');
export const TOO_MANY_SUBSCRIPTIONS = refusal('ERR too many subscriptions');
export const TOO_MANY_PATTERNS = refusal('ERR too many subscriptions to patterns in your tenant');
/** Whose rate it was. */
export type RateScope = 'user' | 'tenant' | 'address';

export function rateOfCommands(scope: RateScope, wait_ms: number): Refusal {
  return refusal(`BUSY command rate limit of your ${scope} exceeded, retry after ${wait_ms} ms`);
}

export function rateOfConnections(scope: RateScope, wait_ms: number): Refusal {
  return refusal(`ERR max number of new connections per second reached for your ${scope}, retry after ${wait_ms} ms`);
}
export const RATE_AUTH = refusal('BUSY too many failed authentications from your address, try again later');
export const SHARD_UNAVAILABLE = refusal(
  'TRYAGAIN the shard that holds this key is restarting, the command may or may not have run',
);
export const REPLY_TOO_LARGE = refusal('ERR reply exceeds the largest reply allowed');
export const VALUE_TOO_LARGE = refusal('ERR value exceeds the largest value allowed for your tenant');
export const INTERNAL_ERROR = refusal('ERR internal error, the connection is closed');

/** What no user of a tenant may do, whatever the ACL says. */
export function ceiling(command: string): Refusal {
  return refusal(`NOPERM the '${command}' command is reserved for operators of this gateway`);
}

// -- Server commands ---------------------------------------------------------------------------------------------------

export const DEBUG_NOT_ALLOWED = refusal(
  'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.',
);
export const SLOWLOG_COUNT = refusal('ERR count should be greater than or equal to -1');
export const NO_CLUSTER = refusal('ERR This instance has cluster support disabled');
export const MODULE_NOT_ALLOWED = refusal(
  'ERR MODULE command not allowed. If the enable-module-command option is set to "local", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.',
);
export const MONITOR_NOT_HERE = refusal("ERR MONITOR isn't allowed for DENY BLOCKING client");
/** What a connection that watches others is told when it asks for data. */
export const MONITOR_ONLY = refusal("ERR Replica can't interact with the keyspace");
export const NEEDS_RESP3 = refusal('ERR RESP2 is not supported by this command');
export const PROTOCOL_TYPE = refusal(
  'ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false',
);

export function noLatencySamples(event: string): Refusal {
  return refusal(`ERR No samples available for event '${upToNul(event).slice(0, ECHOED_BYTES_MAX)}'`);
}

export const NO_CONFIG_FILE = refusal('ERR The server is running without a config file');
export const NO_SHUTDOWN_IN_PROGRESS = refusal('ERR No shutdown in progress.');
export const SHUTDOWN_FAILED = refusal('ERR Errors trying to SHUTDOWN. Check logs.');
export const GETKEYS_INVALID_COMMAND = refusal('ERR Invalid command specified');
export const GETKEYS_NO_KEYS = refusal('ERR The command has no key arguments');
export const GETKEYS_INVALID_COUNT = refusal('ERR Invalid number of arguments specified for command');
export const GETKEYS_INVALID_ARGUMENTS = refusal('ERR Invalid arguments specified for command');

export function unknownConfigOption(name: string): Refusal {
  return refusal(
    `ERR Unknown option or number of arguments for CONFIG SET - '${upToNul(name).slice(0, ECHOED_BYTES_MAX)}'`,
  );
}

export function configSetFailed(name: string, problem: string): Refusal {
  return refusal(`ERR CONFIG SET failed (possibly related to argument '${name}') - ${problem}`);
}

export function noSuchTenant(name: string): Refusal {
  return refusal(`ERR No such tenant '${upToNul(name).slice(0, ECHOED_BYTES_MAX)}'`);
}

// -- ACL ---------------------------------------------------------------------------------------------------------------

export const BAD_USER_NAME = refusal("ERR Usernames can't contain spaces or null characters");
export const DEFAULT_USER_STAYS = refusal("ERR The 'default' user cannot be removed");
export const GENPASS_BITS = refusal(
  'ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096',
);
