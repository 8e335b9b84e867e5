/**
 * Every bound of the process, each with its reason. A queue, buffer, loop or wait that is not bounded by one of these
 * is a bug. Where Redis has a default, it is the default here too.
 */

// -- Wire --------------------------------------------------------------------------------------------------------------

/** Arguments of one request before authentication, and bytes of one argument: Redis' own guard against strangers. */
export const UNAUTHENTICATED_MULTIBULK_MAX = 10;
export const UNAUTHENTICATED_BULK_BYTES_MAX = 16384;
/** Arguments of one request: Redis' limit of a multibulk header. */
export const MULTIBULK_MAX = 0x7fffffff;
/** `proto-max-bulk-len` as in Redis. */
export const BULK_BYTES_MAX_DEFAULT = 512 * 1024 * 1024;
/** An inline request, or a header line, without a newline in this many bytes is refused: PROTO_INLINE_MAX_SIZE. */
export const INLINE_BYTES_MAX = 64 * 1024;
/** Unanswered bytes that one connection may have waiting: `client-query-buffer-limit`. */
export const QUERY_BUFFER_BYTES_MAX = 1024 * 1024 * 1024;
/** Unanswered bytes of a stranger: enough for ten arguments of 16 KiB, too little to matter ten thousand times. */
export const UNAUTHENTICATED_QUERY_BUFFER_BYTES_MAX = 192 * 1024;
/** Bytes of a client's own words that may stand in an error text: a reply must not carry a megabyte back. */
export const ECHOED_BYTES_MAX = 128;
/** Argument offsets that a connection keeps between turns; what a larger request needed is given back. */
export const REQUEST_ARGUMENTS_KEPT = 256;
/** Bytes of the buffer for cut requests that a connection keeps between turns: small, as ten thousand sit idle. */
export const CUT_REQUEST_BYTES_KEPT = 4 * 1024;
/** Output buffer of a writer at its start, and what it shrinks back to after a reply that needed more than it may keep. */
export const REPLY_BUFFER_BYTES = 64 * 1024;
export const REPLY_BUFFER_BYTES_KEPT = 1024 * 1024;
/** One reply: what a writer holds at most, so that no command can make us build gigabytes. Redis' own array limit is higher. */
export const REPLY_BYTES_MAX_DEFAULT = 1024 * 1024 * 1024;
/** An error line on the wire, marker and CRLF included. */
export const ERROR_LINE_BYTES_MAX = 1024;
/** The `unknown command` line, which repeats a stranger's words. */
export const UNKNOWN_COMMAND_LINE_BYTES_MAX = 256;
/** Replies that we read: nesting and elements. Our own replies and those of any Redis stay far below. */
export const REPLY_DEPTH_MAX = 128;
export const REPLY_ELEMENTS_MAX = 64 * 1024 * 1024;

// -- Engine ------------------------------------------------------------------------------------------------------------

/** Logical databases of one tenant. */
export const DATABASE_COUNT = 16;
/** Largest string value: Redis' 512 MB. */
export const STRING_BYTES_MAX = 512 * 1024 * 1024;

// -- Files of values ---------------------------------------------------------------------------------------------------

/** An RDB file is handed to the disk in pieces of about this size: large enough for system calls not to matter. */
export const RDB_PIECE_BYTES = 256 * 1024;
/** Bytes of a key that a fault shows, and fields of information that a check does, with bytes of each text of theirs. */
export const RDB_KEY_SHOWN_BYTES = 64;
export const RDB_FIELDS_SHOWN_MAX = 100;
export const RDB_FIELD_SHOWN_BYTES = 1024;
/** The part of an RDB file that is in memory while it is read; more only for one string that is longer. */
export const RDB_WINDOW_BYTES = 1024 * 1024;
/** The pending entries of a group of a stream may have to be in memory as a whole: 80 million entries. */
export const RDB_WINDOW_BYTES_MAX = 2 * 1024 * 1024 * 1024;
/** Bytes that a value finds ready at least, so that only large ones have to wait for the disk in the middle. */
export const RDB_WINDOW_BYTES_MIN = 64 * 1024;

// -- Shard pool --------------------------------------------------------------------------------------------------------

/** Room a batch between threads starts with: a turn of 50 pipelined clients fits without growing. */
export const MAILBOX_INITIAL_BYTES = 64 * 1024;
/** A worker sends replies in pieces of about this size, and so many bytes of them before the gateway has taken the first. */
export const REPLY_BATCH_BYTES = 1024 * 1024;
export const REPLY_BYTES_AHEAD_MAX = 4 * 1024 * 1024;
/** Worker shards at the most; more than cores is waste, and the SCAN cursor carries the number. */
export const SHARDS_MAX = 64;
/** A worker that dies is started again after this pause, doubled each time up to the maximum, reset by a minute of life. */
export const SHARD_RESTART_PAUSE_MS = 100;
export const SHARD_RESTART_PAUSE_MS_MAX = 10_000;

// -- Tenants -----------------------------------------------------------------------------------------------------------

/** Tenants of one process: sizes the shared statistics of a shard (442 KB) and the budget counters. */
export const TENANTS_MAX = 1024;
/** Of the name of one, as policies have them. */
export const TENANT_NAME_BYTES_MAX = 64;

// -- Engine: bounded slices (src/engine) -------------------------------------------------------------------------------

/** Entries, or blocks of large values, freed per slice of lazy freeing: about 2 ms. */
export const LAZY_FREE_ENTRIES_PER_SLICE = 8192;
/** Up to so many blocks a deleted collection is freed at once, in about 0.1 ms; a larger one in slices. */
export const LAZY_FREE_BLOCKS_AT_ONCE = 256;
/** Entries looked at per slice of the expiry cycle: about 2 ms when every one of them has expired. */
export const EXPIRE_CHECKS_PER_SLICE = 2048;
/** Keys evicted for one small write, or in one slice, before the write is refused and the background goes on: about 4 ms. */
export const EVICTIONS_PER_CALL = 2048;
/** The same for the largest writes, which may displace more: about 60 ms, for a value of two megabytes or more. */
export const EVICTIONS_MOST = 32_768;
/** 16 MiB segments of one shard's arena: 32-bit refs in units of 8 bytes reach 32 GiB. */
export const ARENA_SEGMENTS_MAX = 2048;
/** Entries that a snapshot looks at between two looks at the clock: about 50 us. */
export const SNAPSHOT_ENTRIES_PER_LOOK = 32;
/** Rounds of a shard's background work: ten a second, as Redis' hz. */
export const SHARD_CRON_MS = 100;

// -- Durability --------------------------------------------------------------------------------------------------------

/** One call to write: what is longer takes several. */
export const DISK_WRITE_BYTES_MAX = 1024 * 1024 * 1024;
/** A buffer of records that had to hold more goes once they are written. */
export const LOG_BUFFER_KEPT_BYTES = 4 * 1024 * 1024;
/** Bytes of the log that one checksum covers, about; and zeros in a row that only a crash leaves: a sector of a disk. */
export const LOG_SUM_BYTES = 4096;
export const LOG_ZEROS_TORN_BYTES = 512;
/** A file of the log is written on when no more than this at its end has no checksum yet. */
export const LOG_SUM_RESUME_BYTES_MAX = 1024 * 1024;
/** `appendfsync everysec`. */
export const LOG_SYNC_MS = 1000;
/** What was written this long ago and is not on the disk yet makes acknowledgements wait: the promise is two seconds. */
export const LOG_SYNC_LATE_MS = 1900;
/** After a save that failed, save points wait for so long. */
export const SAVE_RETRY_MS = 5000;
/** Loading lets others work this often: they are told that it goes on. */
export const LOAD_SLICE_MS = 10;
/** How often it is said how far loading has come. */
export const LOAD_PROGRESS_MS = 1000;
/** A rewrite of the log that failed is not tried again of its own accord before this, doubled with each failure. */
export const REWRITE_PAUSE_MS = 60_000;
export const REWRITE_PAUSE_MS_MAX = 3_600_000;
/** A snapshot works for so long, then lets requests come in between; and brings what it wrote to the disk in such pieces. */
export const SNAPSHOT_SLICE_MS = 0.5;
export const SNAPSHOT_SYNC_BYTES = 8 * 1024 * 1024;
/** Written and not yet on the disk: past it the snapshot waits for the disk. */
export const SNAPSHOT_UNSYNCED_BYTES_MAX = 64 * 1024 * 1024;
/** A large value is written in pieces of this size; what changes meanwhile stands aside, and no more than this. */
export const SNAPSHOT_PIECE_BYTES = 32 * 1024;
export const SNAPSHOT_ASIDE_BYTES_MAX = 16 * 1024 * 1024;
/** A sync in the thread that serves that takes longer is followed by so many times its time without one: a twentieth is lost. */
export const LOG_SYNC_AT_ONCE_MS_MAX = 2;
export const LOG_SYNC_AT_ONCE_PAUSES = 20;
/** A client counts as alone when no other has run a command for so long; and writers when nobody else has. */
export const ALONE_MS = 1000;
/** Hashes of keys that readers may have to wait for; past it all of them wait. */
export const UNSYNCED_KEYS_MAX = 65_536;

/** What is renamed when data is redistributed: two names a shard. */
export const LAYOUT_MARK_BYTES_MAX = 64 * 1024;
/** What a backup says of itself: a line per tenant, file and both. */
export const BACKUP_MANIFEST_BYTES_MAX = 16 * 1024 * 1024;
/** Characters of the name of a backup: it is that of a folder. */
export const BACKUP_NAME_LENGTH_MAX = 64;
/** Backups of a folder that are kept at the most. */
export const BACKUPS_KEPT_MAX = 10_000;
/** A backup by the clock that failed is tried again after this time. */
export const BACKUP_RETRY_MS = 300_000;

// -- Log ---------------------------------------------------------------------------------------------------------------

/** Bytes waiting for a slow reader of stderr; lines beyond that are dropped. */
export const LOG_BUFFER_BYTES_MAX = 8 * 1024 * 1024;
/** Characters of one text in a line: names and reasons are short, and a stranger's words must not fill a disk. */
export const LOG_TEXT_LENGTH_MAX = 256;
/** Lines per second of each kind of event that strangers can cause: 64 kinds of 300 bytes are 190 KB/s. */
export const SAMPLED_LINES_PER_SECOND = 10;
export const SAMPLED_KINDS_MAX = 64;

// -- Durability --------------------------------------------------------------------------------------------------------

/** A line of the manifest with its end, as in redis-server; a file name of any file system; and all of the manifest. */
export const MANIFEST_LINE_BYTES_MAX = 1024;
export const FILE_NAME_BYTES_MAX = 255;
export const MANIFEST_BYTES_MAX = 1024 * 1024;
/** A line of the log that begins with '#', with its end: AOF_ANNOTATION_LINE_MAX_LEN of Redis. */
export const LOG_ANNOTATION_BYTES_MAX = 1024;
/** What is read of a log at a time, and up to which size room that a large record needed is kept for the next one. */
export const LOG_WINDOW_BYTES = 512 * 1024;
export const LOG_WINDOW_BYTES_KEPT = 16 * 1024 * 1024;
/** One record: all that a client may send in one request, and what a rewritten request may have in addition. */
export const LOG_RECORD_BYTES_MAX = QUERY_BUFFER_BYTES_MAX + BULK_BYTES_MAX_DEFAULT;
/** Places behind a length that reaches past the end of a log that are tried as the start of whole records. */
export const LOG_RESUME_ATTEMPTS_MAX = 64;

// -- Tools -------------------------------------------------------------------------------------------------------------

/** A tool that needs the running server gives up on reaching it after this. */
export const TOOL_CONNECT_MS_MAX = 10_000;
/** A certificate or a password that a tool reads. */
export const TOOL_FILE_BYTES_MAX = 1024 * 1024;

// -- Process -----------------------------------------------------------------------------------------------------------

/** DEBUG SLEEP at the most: it stops everybody. */
export const DEBUG_SLEEP_MS_MAX = 60_000;
/** Threads of the storage that are not up by then will never be. */
export const STORAGE_START_MS_MAX = 30_000;
/** Time a process that has ended may take to go, whatever still holds it. */
export const EXIT_MS_MAX = 500;
/** Rates and peaks of INFO are sampled this often, as by Redis. */
export const SAMPLE_MS = 100;

// -- Commands ----------------------------------------------------------------------------------------------------------

/** COUNT of one SCAN call: it is a hint, and a walk over more keys than this would hold up everybody else. */
export const SCAN_COUNT_MAX = 100_000;
/** Elements that SRANDMEMBER and its kin repeat for one request, which may name any number: about 0.2 s. */
export const RANDOM_REPEATS_MAX = 1024 * 1024;
/** Steps of one pattern over one text, or over all that one command looks at, and more for each byte of a text: about 6 ms. */
export const GLOB_STEPS_MAX = 4 * 1024 * 1024;
export const GLOB_STEPS_PER_BYTE = 64;
/** Elements of one SREM by which a pop of many is replayed: rows of the log stay small. */
export const REPLAY_ROW_ARGUMENTS_MAX = 1024;
/** Pending entries that one XAUTOCLAIM looks at, whatever its COUNT: about 50 ms; the answer says where to go on. */
export const STREAM_CLAIM_ATTEMPTS_MAX = 100_000;
/** Prefixes that one connection hears of, and bytes of all of them; each costs a look for every key that changes. */
export const TRACKING_PREFIXES_MAX = 1024;
export const TRACKING_PREFIX_BYTES_MAX = 64 * 1024;
/** What a client that waits may have kept of its command, whatever its tenant has left: some hundred keys. */
export const WAIT_BYTES_FREE = 32 * 1024;
/** One transaction's queued commands: as much as a client may send in one piece by default. */
export const TRANSACTION_BYTES_MAX = 64 * 1024 * 1024;
/** A list of requests begins with this, as most transactions are small. */
export const REQUEST_LIST_INITIAL_BYTES = 512;
/** Lists that have been run and are kept for the next transactions: so many, and none that has grown beyond this. */
export const REQUEST_LISTS_KEPT = 16;
export const REQUEST_LIST_KEPT_BYTES = 16 * 1024;
/** Longest time that a timer can hold, 24 days; who waits longer is looked at again then. */
export const DEADLINE_MS_MAX = 0x7fffffff;

// -- Addresses, policies, rates ----------------------------------------------------------------------------------------

/** Characters of an address or rule: the longest spelling of an IPv6 network has 49. */
export const ALLOWLIST_RULE_LENGTH_MAX = 64;
/** Rules of one allowlist: ten times what the largest clouds publish. */
export const ALLOWLIST_RULES_MAX = 100_000;
/** One policy file, and all of them: read whole, and parsed at some 10 MB per second. */
export const POLICY_FILE_BYTES_MAX = 4 * 1024 * 1024;
export const POLICY_FILES_MAX = TENANTS_MAX;
/** Problems of one load that are told; the first few are what anybody reads. */
export const POLICY_PROBLEMS_MAX = 100;
/** YAML aliases resolved in one file: enough to share a list among users, too few for a billion laughs. */
export const POLICY_ALIASES_MAX = 100;
/** Users of one process over all tenants. */
export const POLICY_USERS_MAX = 100_000;
/** A changed policy folder is read again this long after its last event, but at the latest after the maximum. */
export const POLICY_SETTLE_MS = 100;
export const POLICY_SETTLE_MS_MAX = 1000;
/** Events may be missed (network folders): the folder is compared this often in any case. */
export const POLICY_POLL_MS = 10_000;
/** A connection held back for its bandwidth asks again after this at the latest, as the budget may have changed. */
export const RATE_WAIT_MS_MAX = 1000;
/** A command is delayed by its rate for no longer: past it the wait would be of no use to its client, and it is refused. */
export const RATE_DELAY_MS_MAX = 5000;
/** Addresses whose rates are remembered, those seen last: some 10 MB. */
export const RATE_ADDRESSES_MAX = 20_000;
/** Users made by tokens whose spending is remembered after they have left, those who left last: some 5 MB. */
export const RATE_TOKEN_USERS_MAX = 10_000;
/** Users whose budgets TENANT INFO lists: some 300 KB of reply. */
export const USER_BUDGETS_SHOWN_MAX = 1000;

// -- Users -------------------------------------------------------------------------------------------------------------

/** Patterns, rules or passwords of one user, selectors of one user, and bytes of one rule: far above what anyone reads. */
export const ACL_PATTERNS_MAX = 1024;
export const ACL_SELECTORS_MAX = 128;
export const ACL_RULE_BYTES_MAX = 64 * 1024;
/** Of a name or key that a log or table remembers: a user may send one of 512 MB. */
export const REMEMBERED_TEXT_BYTES_MAX = 256;
/** `acllog-max-len`, and how long alike denials are counted as one, as in Redis. */
export const ACL_LOG_ENTRIES_MAX_DEFAULT = 128;
export const ACL_LOG_GROUPING_MS = 60_000;
/** Entries that ACL LOG shows unasked, and the longest password of ACL GENPASS, as in Redis. */
export const ACL_LOG_SHOWN_DEFAULT = 10;
export const ACL_GENPASS_BITS_MAX = 4096;
/** Kinds of would-be refusals that POLICY DRYRUN lists, and the longest beginning of keys that makes a kind. */
export const DRY_RUN_ROWS_MAX = 1024;
export const DRY_RUN_CLASS_BYTES_MAX = 64;

// -- Gateway -----------------------------------------------------------------------------------------------------------

/** Failed authentications of one address that cost nothing, for one user and for all, in which time, and the pauses. */
export const AUTH_FAILURES_FREE = 10;
export const AUTH_FAILURES_FREE_ADDRESS = 100;
export const AUTH_FAILURES_WINDOW_MS = 10_000;
export const AUTH_BACKOFF_MS = 500;
export const AUTH_BACKOFF_MS_MAX = 10_000;
/** Addresses, and pairs of address and user, remembered for it, so that a botnet cannot fill memory. */
export const BACKOFF_RECORDS_MAX = 20_000;
/** Replies of one connection that may be on their way from other threads; past it the connection is not read. */
export const PENDING_PLACES_MAX = 4096;
/** Replies of one turn leave in pieces of about this size when there are more. */
export const FLUSH_BYTES = 256 * 1024;
/** References to pushed messages that a connection keeps room for once they have left. */
export const PUSHES_KEPT = 1024;
/** Subscriptions of one connection; a client that follows a hundred thousand channels is not unheard of. */
export const SUBSCRIPTIONS_MAX = 1024 * 1024;
/** Memory of a subscription beside its name, and of all of one connection and of one tenant. */
export const SUBSCRIPTION_BYTES = 256;
export const SUBSCRIPTION_BYTES_MAX = 64 * 1024 * 1024;
export const SUBSCRIPTION_BYTES_MAX_TENANT = 512 * 1024 * 1024;
/** Patterns that one tenant's messages are held against: each costs some 50 ns a message. */
export const PATTERNS_MAX_TENANT = 10_000;
/** Steps of a match that every pattern has for each message; what takes more shares GLOB_STEPS_MAX with the others. */
export const PATTERN_STEPS_FREE = 256;
/** `tenant-turn-ms`: a tenant's share of a round of the event loop, as far as commands can be parted, while it is alone … */
export const TURN_MS_DEFAULT = 5;
/** … and while others are there: what they wait for it. A round costs some 2 us, so that little is lost. */
export const TURN_MS_CONTENDED = 0.1;
/** A turn of the event loop in which so little time passes was nobody's: a turn without anything takes some microseconds. */
export const TURN_IDLE_MS = 0.02;
/** So long after two tenants were seen they are taken to be there still: a client that asks twice a second is served well. */
export const CONTENTION_MS = 2000;
/** What a tenant may owe of the time of others, after one command that could not be parted. */
export const SHARE_DEBT_MS_MAX = 20;
/** What reading and writing of one chunk costs beside its commands: booked unmeasured, as a look at the clock costs too. */
export const CHUNK_MS = 0.005;
/** What the system and the runtime do for a byte that comes in, copying, decrypting and collecting: a millisecond a megabyte. */
export const READ_MS_PER_BYTE = 1 / 1_000_000;
/** What a socket that was left alone for a while brings at once: the buffer that Bun reads into. */
export const READ_BYTES_EXPECTED = 512 * 1024;
/** Bytes read from a client whose command waits; past this its socket is left alone until the wait ends. */
export const BACKLOG_BYTES_MAX = 64 * 1024;
/** Bytes a client may leave unread before we stop reading from it: past this it only gets what is already on its way. */
export const WRITE_BACKLOG_BYTES_MAX = 4 * 1024 * 1024;
/** Kinds of error replies that INFO errorstats tells apart: ERRORSTATS_LIMIT of Redis. */
export const ERROR_CODES_MAX = 128;
/** The longest `handshake_timeout` and `authentication_timeout` that a policy may say. */
export const WAIT_SECONDS_MAX = 3600;
/** The TLS library's own limit of a handshake, set once per port: behind ours at its longest, which policy may change. */
export const LIBRARY_HANDSHAKE_MS_MAX = (WAIT_SECONDS_MAX + 60) * 1000;
/** Handshakes under way on one listener: each costs memory before anybody has said who they are. */
export const HANDSHAKES_MAX = 4096;
/** Handshakes begun at once while the process keeps up: some 30 ms of cryptography. */
export const HANDSHAKE_BURST_MAX = 64;
/** New handshakes per second while the process keeps up: more than one processor can do. */
export const HANDSHAKE_RATE_MAX = 4000;
/** … and while it does not: a twentieth of a processor, and a client gets in. */
export const HANDSHAKE_RATE_MIN = 100;
/** How often the process is asked whether it keeps up while handshakes are under way. */
export const HANDSHAKE_PULSE_MS = 10;
/** So late a timer may be before handshakes are taken to be in the way of those who are in. */
export const HANDSHAKE_LAG_MS_MAX = 4;
/** Names that one TLS listener answers to, each with a certificate of its own in memory. */
export const SERVER_NAMES_MAX = 1024;
/** One file of certificates, a key, or authorities: a long chain has a few kilobytes. */
export const TLS_FILE_BYTES_MAX = 1024 * 1024;
/** A file of revocation lists, which grow with every certificate taken back. */
export const REVOCATION_LIST_BYTES_MAX = 16 * 1024 * 1024;
/** Entries of a revocation list, kept as texts to ask about open connections. */
export const REVOCATIONS_MAX = 200_000;
/** A client's certificate in DER; with an RSA key of 16,384 bits it has 5 KB. */
export const CERTIFICATE_BYTES_MAX = 64 * 1024;
/** Bytes in which a length of DER may be written: 4 GB is beyond every bound here. */
export const DER_LENGTH_BYTES_MAX = 4;
/** Extensions of a certificate, a revocation list or an entry of one; public ones have about ten. */
export const CERTIFICATE_EXTENSIONS_MAX = 64;
/** Alternative names, common names or purposes of a certificate. */
export const CERTIFICATE_NAMES_MAX = 256;
/** One name in a certificate: SPIFFE allows ids of 2,048 bytes. */
export const CERTIFICATE_NAME_CHARACTERS_MAX = 2048;
/** Certificates between a client's and its authority. */
export const CERTIFICATE_CHAIN_MAX = 8;
/** A PROXY header: the longest line of version 1; of version 2 what the longest addresses and a few fields need. */
export const PROXY_LINE_BYTES_MAX = 107;
export const PROXY_HEADER_BYTES_MAX = 4096;
/** The coarse timer behind every timeout of the gateway. */
export const GATEWAY_TICK_MS = 100;
/** What a client says of itself, by name and by library: kept as long as it is connected, and in what records tell of it. */
export const CLIENT_TEXT_BYTES_MAX = 512;
/** Ticks between two looks at every connection. */
export const GATEWAY_SWEEP_TICKS = 5;
/** A peer that does not take its last bytes keeps its socket no longer. */
export const LINGER_MS_MAX = 5_000;

// -- Introspection -----------------------------------------------------------------------------------------------------

/** Words of one entry of the slow log, and bytes of one word: SLOWLOG_ENTRY_MAX_ARGC and _STRING of Redis. */
export const SLOWLOG_WORDS_MAX = 32;
export const SLOWLOG_WORD_BYTES_MAX = 128;
/** Entries of one tenant's log at the most, and of all together: 4 KB each when full, so 64 MB for the process. */
export const SLOWLOG_ENTRIES_MAX = 16_384;
/** Seconds kept of each kind of latency event: LATENCY_TS_LEN of Redis. */
export const LATENCY_SAMPLES = 160;
/** A line of MONITOR, made in about 0.2 ms: redis shows all of a value, however large. */
export const MONITOR_LINE_BYTES_MAX = 16 * 1024;
/** LOLWUT draws no larger gate: it is a joke, not a load. */
export const LOLWUT_COLUMNS_MAX = 80;
export const LOLWUT_ROWS_MAX = 40;
/** Commands of little work that share one reading of the clock. */
export const TIMED_TOGETHER_MAX = 16;
/** A request or reply of so many bytes is work of its own: the clock is read for it alone. */
export const TIMED_ALONE_BYTES = 4096;
/** Below this threshold of SLOWLOG or LATENCY every command is timed alone, as a share would decide what is logged. */
export const TIMED_ALONE_BELOW_US = 1000;

// -- Audit -------------------------------------------------------------------------------------------------------------

/** Records wait at most so long for the write they share: what the death of the process may take, but for acts of operators. */
export const AUDIT_FLUSH_MS = 100;
/** … or until there are so many bytes of them: larger writes gain nothing. */
export const AUDIT_BATCH_BYTES = 64 * 1024;
/** Records that wait while the sink takes none; past it they are counted and lost, or what makes them is refused. */
export const AUDIT_QUEUE_BYTES_MAX = 1024 * 1024;
/** What was written is on the disk after this time, as with `appendfsync everysec`. */
export const AUDIT_SYNC_MS = 1000;
/** Bytes of one text of a record, and keys or arguments of one record: a record is a line, not a copy of the request. */
export const AUDIT_TEXT_BYTES_MAX = 128;
export const AUDIT_LIST_MAX = 16;
/** A line is never longer: two lists of sixteen texts, six bytes each for what has to be escaped, and the rest. */
export const AUDIT_LINE_BYTES_MAX = 48 * 1024;
/** The end of a file that is read when it is written on: a batch that was not whole, and the seal before it. */
export const AUDIT_TAIL_BYTES = AUDIT_QUEUE_BYTES_MAX + 4 * AUDIT_LINE_BYTES_MAX;
/** Events that strangers can cause: lines a second of one kind and source, of all together, and kinds told apart. */
export const AUDIT_BURST_LINES_PER_SECOND = 5;
export const AUDIT_BURST_ALL_LINES_PER_SECOND = 500;
export const AUDIT_BURST_KINDS_MAX = 1024;
/** Rotated files that may stay. */
export const AUDIT_FILES_KEPT_MAX = 10_000;
/** A secret that the chain is made with: 32 bytes are as many as the hash has. */
export const AUDIT_KEY_BYTES_MIN = 32;
/** Answers that wait for the disk, each that of one act: past it acts are refused. */
export const AUDIT_WAITING_MAX = 4096;
/** Bytes on their way to a collector that does not take them. */
export const SYSLOG_WAITING_BYTES_MAX = 4 * 1024 * 1024;
/** From calling a collector to the end of its handshake. */
export const SYSLOG_CONNECT_MS_MAX = 10_000;
/** A collector that is gone is tried again after this time. */
export const SYSLOG_RETRY_MS = 1000;

// -- Signs of attack ---------------------------------------------------------------------------------------------------

/** Pairs of cause and source that are counted at a time; those that come when it is full share one source. */
export const ALERT_SOURCES_MAX = 4096;
/** The same cause and source raise an alert no more often. */
export const ALERT_INTERVAL_MS = 60_000;

// -- Identity ----------------------------------------------------------------------------------------------------------

/** A token in compact form: real ones have one or two kilobytes, and a stranger's argument has 16 at the most. */
export const TOKEN_BYTES_MAX = 8 * 1024;
/** Characters of a subject, a key's name and a token's identifier: what stands in names of users and in tables. */
export const TOKEN_NAME_LENGTH_MAX = 128;
/** Roles that are looked at in one token. */
export const TOKEN_ROLES_MAX = 64;
/** Claims that the tokens of one issuer must have. */
export const TOKEN_CLAIMS_WANTED_MAX = 16;
/** Issuers that one gateway trusts. */
export const TOKEN_ISSUERS_MAX = 16;
/** Verified tokens remembered until they expire, so that a reconnecting client costs no signature: 300 bytes each. */
export const TOKENS_REMEMBERED_MAX = 10_000;
/** Signatures being verified at a time, 0.2 ms each: past it logins are put off, so that strangers do not queue up work. */
export const TOKENS_JUDGED_MAX = 64;
/**
 * Tokens that wait for the answer of an issuer, 8 KiB each at the most, and of those of one address: a pool of clients may
 * wait, and a stranger with tokens of unknown keys has no more of the places than that. None of them counts as judged.
 */
export const TOKENS_WAITING_MAX = 1024;
export const TOKENS_WAITING_PER_ADDRESS_MAX = 32;
/** A clock may be so many seconds off that of an issuer. */
export const TOKEN_SKEW_SECONDS_MAX = 60;
/** A set of keys: real ones have two to ten keys of half a kilobyte. */
export const JWKS_BYTES_MAX = 256 * 1024;
export const JWKS_KEYS_MAX = 64;
/** From asking an issuer to the last byte of its answer. */
export const JWKS_FETCH_MS_MAX = 5_000;
/** Between two requests to one issuer, whatever tokens name as their key. */
export const JWKS_COOLDOWN_MS = 5_000;
/** Between two that nobody has logged in for, while the issuer does not answer. */
export const JWKS_RETRY_MS = 30_000;
/** Lines of the file of revoked tokens and subjects, and bytes of a file beside the certificates. */
export const REVOKED_TOKENS_MAX = 50_000;
export const IDENTITY_FILE_BYTES_MAX = 4 * 1024 * 1024;
/** Slow hashes at a time: half of the runtime's thread pool, which files and names need too; and those that wait. */
export const SLOW_HASHES_RUNNING_MAX = 2;
export const SLOW_HASHES_WAITING_MAX = 64;
/** Of those, of one address: a stranger has no more of the queue than that, and one of each name. */
export const SLOW_HASHES_PER_ADDRESS_MAX = 8;
/** Memory of one slow hash, which bounds what a policy file may ask for. */
export const SLOW_HASH_BYTES_MAX = 128 * 1024 * 1024;
/** Slow hashes of one user: two while a password is being changed, and some to spare. */
export const SLOW_HASHES_PER_USER_MAX = 4;
/** Passwords known to be right, as 32 bytes under a key of the process: a reconnecting client costs no slow hash. */
export const PASSWORDS_REMEMBERED_MAX = 10_000;
/** Roles of one tenant that make users of tokens. */
export const TOKEN_USERS_MAX = 64;
/** A password that is to be hashed: more than anybody types. */
export const HASHED_PASSWORD_BYTES_MAX = 1024;
