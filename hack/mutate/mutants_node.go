package main

const (
	transportTests = "./internal/kv/transport"
	ringTests      = "./internal/kv/ring"
	respTests      = "./internal/kv/resp"
	commandTests   = "./internal/kv/command"
)

// nodeMutants break what is around the replicas of a node: routing, peers, commands.
var nodeMutants = []mutant{
	{
		name: "try a lost write again", breaks: "a write that was sent to a node which died is not sent to another",
		file: "internal/kv/node/submit.go", in: "func (n *Node) forwardLost(",
		old: "n.Finish(f.request, replica.Unknown)", new: "n.Finish(f.request, replica.NotExecuted)",
		killers: []killer{{nodeTests, "TestAForwardedWrite"}},
	},
	{
		name: "forget a replica before its tombstone", breaks: "a replica that a node was told to remove does not come back after a crash",
		file: "internal/kv/node/admin.go", in: "func (n *Node) RemoveReplica(",
		old: "if err := n.writeAndWait(&wal.Write{Partition: req.Partition, Replica: req.ID, Tombstone: req.ID + 1}); err != nil {", new: "if err := error(nil); err != nil {",
		killers: []killer{{nodeTests, "TestARemovedReplica"}},
	},
	{
		name: "make a replica under a used ID", breaks: "a late request brings no removed replica back",
		file: "internal/kv/node/admin.go", in: "func (n *Node) CreateReplica(",
		old: "case req.ID < smallest:", new: "case req.ID < smallest && false:",
		killers: []killer{{nodeTests, "TestARemovedReplica"}},
	},
	{
		name: "take an older map", breaks: "a node does not go back to an earlier membership",
		file: "internal/kv/node/clustermap.go", in: "func (n *Node) PublishMap(",
		old: "m.Revision <= have.m.Revision && n.membership.Joined", new: "m.Revision == have.m.Revision && n.membership.Joined",
		killers: []killer{{nodeTests, "TestAnOlderMap"}},
	},
	{
		name: "start over when the log is lost", breaks: "a node whose log is gone does not vote as if it had promised nothing",
		file: "internal/kv/node/node.go", in: "func (n *Node) open(",
		old: `if m != nil && n.membership.ClusterID == "" {`, new: `if false && m != nil && n.membership.ClusterID == "" {`,
		killers: []killer{{nodeTests, "TestANodeWhoseLog"}},
	},
	{
		name: "take a newer state for a damaged one", breaks: "an older program leaves the volume of a newer one alone",
		file: "internal/kv/node/node.go", in: "func (n *Node) openReplica(",
		old: "if errors.Is(err, store.ErrLaterFormat) {", new: "if false && errors.Is(err, store.ErrLaterFormat) {",
		killers: []killer{{nodeTests, "TestAVolumeOfALater"}},
	},
	{
		name: "MOVED off by one", breaks: "a cluster client learns who leads the slot that it asked for",
		file: "internal/kv/node/redirect.go", in: "func (n *Node) movedTo(",
		old: `fmt.Sprintf("MOVED %d %s:%d", slot, to.Host, to.Port)`, new: `fmt.Sprintf("MOVED %d %s:%d", slot+1, to.Host, to.Port)`,
		killers: []killer{{nodeTests, "TestAClusterClientIsSent"}},
	},
	{
		name: "send a cluster client to a node that is gone", breaks: "a cluster client is held, not sent in circles, while there is no leader",
		file: "internal/kv/node/redirect.go", in: "func (n *Node) redirect(",
		old: "case !n.transport.Linked(leader):", new: "case false:",
		killers: []killer{{nodeTests, "TestCallsAreHeld"}},
	},
	{
		name: "skip a frame's CRC", breaks: "a flipped bit on the way between nodes is found",
		file: "internal/kv/transport/frame.go", in: "func (fr *frameReader) next(",
		old: "got != f.crc {", new: "got != f.crc && false {",
		killers: []killer{{transportTests, "Frame"}},
	},
	{
		name: "end a snapshot stream early", breaks: "a snapshot that was cut on its way is not taken",
		file: "internal/kv/transport/snapshot_format.go", in: "func (d *snapshotDecoder) end(",
		old: "if size != d.size || total != d.total {", new: "if false {",
		killers: []killer{{transportTests, "Snapshot"}},
	},
	{
		name: "let in a node of another cluster", breaks: "nodes of two clusters do not mix",
		file: "internal/kv/transport/handshake.go", in: "func (t *Transport) checkIdentities(",
		old: "case theirs != ours:", new: "case theirs != ours && false:",
		killers: []killer{{transportTests, "TestHandshakes|TestStrangers"}},
	},
	{
		name: "let in a node that means another", breaks: "an address that was given to another node leads to no wrong one",
		file: "internal/kv/transport/handshake.go", in: "func (t *Transport) checkIdentities(",
		old: "case to != t.config.Self:", new: "case to != t.config.Self && false:",
		killers: []killer{{transportTests, "TestHandshakes|TestStrangers"}},
	},
	{
		name: "the ring off by one", breaks: "every slot has its partition, the same on every node and for ever",
		file: "internal/kv/ring/slot.go", in: "func Partition(",
		old: "uint32(slot) * uint32(partitions) / Slots", new: "(uint32(slot) + 1) % Slots * uint32(partitions) / Slots",
		killers: []killer{{ringTests, "."}},
	},
	{
		name: "ignore the hash tag", breaks: "keys with one tag are in one slot, as in Redis Cluster",
		file: "internal/kv/ring/slot.go", in: "func tag(",
		old: "if length <= 0 {", new: "if length <= 0 || true {",
		killers: []killer{{ringTests, "."}},
	},
	{
		name: "execute though a watched key changed", breaks: "WATCH: a transaction does nothing when a watched key has changed",
		file: "internal/kv/store/gone.go", in: "func (s *Store) SetSince(",
		old: "return r.item().Version > revision", new: "return r.item().Version > revision && false",
		killers: []killer{{storeTests, "TestAKeyThatCameAndWent"}, {commandTests, "Transaction"}},
	},
	{
		name: "execute a remembered write again", breaks: "a write with an idempotency key is executed once, however often it is sent",
		file: "internal/kv/command/cmd_kv_once.go", in: "func kvWriteOnce(",
		old: "; found {", new: "; found && false {",
		killers: []killer{{commandTests, "TestAWriteWithAnIdempotencyKey"}},
	},
	{
		name: "forget answers in a snapshot", breaks: "a write that is sent again after a restart is not executed again",
		file: "internal/kv/store/restore.go", in: "func (m *answers) load(",
		old: "m.add(id, asked, answer, expireAt)", new: "_, _, _ = id, asked, answer",
		killers: []killer{{storeTests, "TestAnswersAreRemembered"}},
	},
	{
		name: "hold a watch behind a change", breaks: "what comes between a watch's answer and the moment from which it is held wakes it",
		file: "internal/kv/node/held.go", in: "func (n *Node) hold(",
		old: "missed := st.Revision() != seen", new: "missed := false",
		killers: []killer{{nodeTests, "TestAWatchIsNotHeld"}},
	},
	{
		name: "hold a watch at a follower", breaks: "a watch is held by the leader, who hears of every change first",
		file: "internal/kv/node/held.go", in: "func (n *Node) hold(",
		old: "case !leading:", new: "case !leading && false:",
		killers: []killer{{nodeTests, "TestAWatchIsHeldByTheLeader"}},
	},
	{
		name: "answer one key's request with another's", breaks: "an idempotency key that comes with another write is refused",
		file: "internal/kv/command/cmd_kv_once.go", in: "func kvWriteOnce(",
		old: "if before != asked {", new: "if before != asked && false {",
		killers: []killer{{commandTests, "TestAnIdempotencyKeyWith"}},
	},
	{
		name: "two values with one fingerprint", breaks: "an idempotency key stands for the whole write, its values included",
		file: "internal/kv/command/cmd_kv_once.go", in: "func NewOnce(",
		old: "[][]byte{o.Key, o.encode(), o.Value}", new: "[][]byte{o.Key, o.encode()}",
		killers: []killer{{commandTests, "TestAnIdempotencyKeyWith"}},
	},
	{
		name: "forget an answer at once", breaks: "an answer is remembered for a day, if there is room",
		file: "internal/kv/store/answers.go", in: "func (s *Store) Answer(",
		old: "if a.expireAt() < now {", new: "if a.expireAt() < now+3_600_000 {",
		killers: []killer{{storeTests, "Answers"}, {commandTests, "IdempotencyKey"}},
	},
	{
		name: "let in clients without a certificate", breaks: "a client shows a certificate of the authority",
		file: "internal/certificate/certificate.go", in: "func (p PEM) Config(",
		old: "tls.RequireAndVerifyClientCert", new: "tls.VerifyClientCertIfGiven",
		killers: []killer{{certificateTests, "."}},
	},
	{
		name: "believe any client's certificate", breaks: "a certificate of somebody else's authority lets nobody in",
		file: "internal/certificate/certificate.go", in: "func (p PEM) Config(",
		old: "tls.RequireAndVerifyClientCert", new: "tls.RequireAnyClientCert",
		killers: []killer{{certificateTests, "."}},
	},
	{
		name: "keep the first certificate", breaks: "a new certificate is served without a restart",
		file: "internal/certificate/certificate.go", in: "func (s *Source) current(",
		old: "if err == nil && state == s.read {", new: "if err == nil || state == s.read {",
		killers: []killer{{certificateTests, "."}},
	},
	{
		name: "take a certificate without its key", breaks: "a certificate that cannot be used leaves the old one in use",
		file: "internal/certificate/certificate.go", in: "func (s *Source) current(",
		old: "	case state != s.refused:", new: "	case s.config == nil || func() bool { s.config = &tls.Config{MinVersion: tls.VersionTLS12}; return state != s.refused }():",
		killers: []killer{{certificateTests, "."}},
	},
	{
		name: "let a watch sleep", breaks: "a watch hears of every change that concerns it, at once",
		file: "internal/kv/node/held_calls.go", in: "func (h *heldCalls) takeConcerned(",
		old: "if h.keys[string(ch.Key)] > 0 {", new: "if h.keys[string(ch.Key)] > 1 {",
		killers: []killer{{nodeTests, "TestAHeldWatch|TestAChangeWakes"}},
	},
}
