package main

const introduction = `# Commands

This page is made from the table of commands by ` + "`make generate`" + `.

Any Redis client can talk to any node. What is listed here answers as Redis 7.2 does, byte
for byte, except where the last column says otherwise. A differential test holds this: it
sends a million random commands to ringkv and to a real Redis and compares the replies.

    go test ./internal/kv/resp -run TestRepliesAreThoseOfRedis -v            (needs redis-server)
    go test ./internal/kv/resp -run TestRepliesAreThoseOfRedis -seed 4711    (one that it printed)

What may differ is a table in ` + "`internal/kv/resp/allowances_test.go`" + `, each with its reason: time
and chance, what the last column tells below, and what Redis has changed from 7.0, which
Debian has, to 7.2: BITCOUNT and BITPOS check their arguments even if there is no key.

What holds for all commands:

- There is one database, number 0, and a value is a string.
- A reply to a write means that the write is on stable storage on a majority of the key's
  replicas. Reads see all acknowledged writes, unless the connection has sent READONLY.
- An argument, and a value that a command makes, may be 64 MiB long.
- A command about several keys that do not depend on each other (DEL, MGET, MSET, ...) takes
  keys in any slots. Keys that depend on each other must share a slot: write the same
  ` + "`{tag}`" + ` into their names. Otherwise the answer is CROSSSLOT.
- A key that has expired is not seen any more from then on, and is deleted a moment later.
  DBSIZE counts it until then, as in Redis.
- Errors that begin with CLUSTERDOWN mean that the command was certainly not executed and can
  be sent again. UNKNOWNRESULT means that nobody can say: read before you write again.
  OOM and DISKFULL mean that there is no room for more; reads and deletes go on.
- Commands that ringkv does not have get the error that Redis gives for a command that does
  not exist. The connection stays open.`

// missing are the commands of Redis 7.2 that the table may lack, and why.
var missing = []struct{ commands, why string }{
	{"BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH LINDEX LINSERT LLEN LMOVE LMPOP LPOP LPOS LPUSH LPUSHX LRANGE LREM LSET LTRIM RPOP RPOPLPUSH RPUSH RPUSHX", reasonTypes},
	{"HDEL HEXISTS HGET HGETALL HINCRBY HINCRBYFLOAT HKEYS HLEN HMGET HMSET HRANDFIELD HSCAN HSET HSETNX HSTRLEN HVALS", reasonTypes},
	{"SADD SCARD SDIFF SDIFFSTORE SINTER SINTERCARD SINTERSTORE SISMEMBER SMEMBERS SMISMEMBER SMOVE SPOP SRANDMEMBER SREM SSCAN SUNION SUNIONSTORE", reasonTypes},
	{"BZMPOP BZPOPMAX BZPOPMIN ZADD ZCARD ZCOUNT ZDIFF ZDIFFSTORE ZINCRBY ZINTER ZINTERCARD ZINTERSTORE ZLEXCOUNT ZMPOP ZMSCORE ZPOPMAX ZPOPMIN ZRANDMEMBER ZRANGE " +
		"ZRANGEBYLEX ZRANGEBYSCORE ZRANGESTORE ZRANK ZREM ZREMRANGEBYLEX ZREMRANGEBYRANK ZREMRANGEBYSCORE ZREVRANGE ZREVRANGEBYLEX ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE ZUNION ZUNIONSTORE", reasonTypes},
	{"XACK XADD XAUTOCLAIM XCLAIM XDEL XGROUP XINFO XLEN XPENDING XRANGE XREAD XREADGROUP XREVRANGE XSETID XTRIM", reasonTypes},
	{"GEOADD GEODIST GEOHASH GEOPOS GEORADIUS GEORADIUSBYMEMBER GEORADIUSBYMEMBER_RO GEORADIUS_RO GEOSEARCH GEOSEARCHSTORE PFADD PFCOUNT PFDEBUG PFMERGE PFSELFTEST", reasonTypes},
	{"SORT SORT_RO", reasonTypes},
	{"EVAL EVALSHA EVALSHA_RO EVAL_RO FCALL FCALL_RO", "There is no Lua. Conditional writes: SET IFEQ, DELIFEQ, MSETEX NX, and transactions with WATCH."},
	{"PSUBSCRIBE PUBLISH PUBSUB PUNSUBSCRIBE SPUBLISH SSUBSCRIBE SUBSCRIBE SUNSUBSCRIBE UNSUBSCRIBE", "Messages are not kept, so they have no place in a durable store."},
	{"MULTI EXEC DISCARD WATCH UNWATCH WAIT WAITAOF", "Every acknowledged write is on stable storage on a majority of its replicas already."},
	{"MOVE SWAPDB", "There is one database."},
	{"BGREWRITEAOF BGSAVE LASTSAVE SAVE", "Every write is durable when it is acknowledged; there is nothing to save."},
	{"FAILOVER MIGRATE PSYNC REPLCONF REPLICAOF RESTORE-ASKING SLAVEOF SYNC", "The cluster replicates, elects leaders and moves data by itself. DUMP and RESTORE copy keys from and to a Redis."},
	{"ACL", "There is one user, default, without a password."},
	{"DEBUG LATENCY LOLWUT MODULE MONITOR SHUTDOWN SLOWLOG", "Nodes are watched and run by other means: metrics, kvctl and Kubernetes."},
}

const reasonTypes = "A value is a string: there are no other types."
