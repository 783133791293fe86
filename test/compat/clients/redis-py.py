"""redis-py, plain or cluster. See program in program_test.go for what it does."""

import sys

import redis
from redis.cluster import ClusterNode, RedisCluster

mode, addresses, prefix = sys.argv[1], [a.rsplit(":", 1) for a in sys.argv[2].split(",")], sys.argv[3]


def connect():
    if mode == "cluster":
        return RedisCluster(startup_nodes=[ClusterNode(h, int(p)) for h, p in addresses], decode_responses=True)
    host, port = addresses[0]
    return redis.Redis(host=host, port=int(port), decode_responses=True)


def scenario(r):
    assert r.ping()
    assert r.set(prefix + "k", "v", ex=60)
    assert r.get(prefix + "k") == "v"
    assert 58 <= r.ttl(prefix + "k") <= 60
    assert r.get(prefix + "none") is None
    assert r.incr(prefix + "n", 7) == 7
    assert r.mset({prefix + "{t}a": "1", prefix + "{t}b": "2"})
    assert r.mget(prefix + "{t}a", prefix + "{t}b", prefix + "{t}c") == ["1", "2", None]

    pipe = r.pipeline() if mode == "cluster" else r.pipeline(transaction=False)
    for i in range(100):
        pipe.set(f"{prefix}scan:{i}", i)
    assert all(pipe.execute())
    assert len(set(r.scan_iter(match=prefix + "scan:*", count=100))) == 100
    assert r.dbsize() >= 100
    if mode == "cluster":
        assert len(r.get_primaries()) == 3 and not r.get_replicas()
        assert len(r.keys(prefix + "scan:*", target_nodes=RedisCluster.PRIMARIES)) == 100
        # A command on many keys, which the client splits.
        assert r.delete(*[f"{prefix}scan:{i}" for i in range(10)]) == 10
        assert r.cluster_info(target_nodes=RedisCluster.RANDOM)["cluster_state"] == "ok"
        assert len(r.cluster_nodes()) == 3
    else:
        # Optimistic locking, and a transaction.
        with r.pipeline() as tx:
            tx.watch(prefix + "n")
            tx.multi()
            tx.incr(prefix + "n")
            tx.incr(prefix + "n")
            assert tx.execute() == [8, 9]
    assert r.delete(prefix + "n") == 1


def serve(r):
    for line in sys.stdin:
        command, *args = line.split()
        try:
            if command == "set":
                answer = "ok" if r.set(*args) else "error not set"
            else:
                value = r.get(*args)
                answer = "nil" if value is None else "value " + value
        except Exception as e:  # whatever it is, the test judges it
            answer = f"error {type(e).__name__} {e}".replace("\n", " ")
        print(answer, flush=True)


client = connect()
scenario(client)
print("ready", flush=True)
serve(client)
