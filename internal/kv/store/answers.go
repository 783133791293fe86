package store

import "encoding/binary"

const (
	// AnswersBytes bounds the answers that a store remembers, each with answerCost. It is
	// part of the state's meaning: replicas must forget the same answers.
	AnswersBytes = 1 << 20
	// MaxAnswerBytes is the longest answer that can be remembered.
	MaxAnswerBytes = AnswersBytes / 4 * 3
	// answerCost is what an answer takes beside its own bytes: header and index.
	answerCost = answerHeader + 40

	answerHeader     = 44
	answerChunkBytes = 16 << 10
)

// RequestID names a request whose answer is remembered: a hash of its idempotency key.
type RequestID [16]byte

// Fingerprint is a hash of what a request asks for.
type Fingerprint [16]byte

// answers remembers what writes were answered, so that a write that is sent again is not
// executed again. It is part of the state: replicas decide by it whether to execute. The
// oldest go first, when their time is over or when there are too many.
//
// Answers lie in chunks that are only appended to, so that a snapshot can go on reading
// them, and a snapshot holds the same bytes:
//
//	+----+-------------+----------+--------+--------+
//	| id | fingerprint | expireAt | length | answer |   little endian; expireAt in
//	+----+-------------+----------+--------+--------+   milliseconds since the Unix epoch
//	  16       16           8         4      length
type answers struct {
	chunks []answerChunk // oldest first
	first  uint64        // number of chunks[0]
	count  int
	size   int // bytes of all answers, with answerCost for each
	held   int // bytes of all chunks
	index  map[RequestID]answerPlace
}

// answerChunk is the answers from head on.
type answerChunk struct {
	buf  []byte
	head int
}

// answerPlace is the number of a chunk and the offset in it.
type answerPlace struct{ chunk, offset uint64 }

// storedAnswer is the bytes of one answer and what follows it in the chunk.
type storedAnswer []byte

func (a storedAnswer) id() RequestID            { return RequestID(a) }
func (a storedAnswer) fingerprint() Fingerprint { return Fingerprint(a[16:]) }
func (a storedAnswer) expireAt() int64          { return int64(binary.LittleEndian.Uint64(a[32:])) }
func (a storedAnswer) size() int                { return answerHeader + int(binary.LittleEndian.Uint32(a[40:])) }
func (a storedAnswer) answer() []byte           { return a[answerHeader:a.size():a.size()] }

// Answer returns what a request was answered, unless that is forgotten or expired at now
// (milliseconds since the Unix epoch), and what it asked for. The answer lies in the
// store's memory. It needs the lock for reading.
func (s *Store) Answer(id RequestID, now int64) (asked Fingerprint, answer []byte, ok bool) {
	place, ok := s.answers.index[id]
	if !ok {
		return Fingerprint{}, nil, false
	}
	a := storedAnswer(s.answers.chunks[place.chunk-s.answers.first].buf[place.offset:])
	if a.expireAt() < now {
		return Fingerprint{}, nil, false
	}
	return a.fingerprint(), a.answer(), true
}

// Remember keeps the answer to a request until expireAt, which is not before now (both in
// milliseconds since the Unix epoch), or until younger ones need its room. It changes
// neither the keys nor the revision, and Clear does not undo it. The answer is copied, and
// has up to MaxAnswerBytes. It needs the lock for writing.
func (s *Store) Remember(id RequestID, asked Fingerprint, answer []byte, expireAt, now int64) {
	if len(answer) > MaxAnswerBytes {
		panic("store: an answer is too long to be remembered")
	}
	for s.answers.count > 0 && (s.answers.oldest().expireAt() < now || s.answers.size+answerCost+len(answer) > AnswersBytes) {
		s.answers.forgetOldest()
	}
	s.answers.add(id, asked, answer, expireAt)
}

// add puts an answer behind all others.
func (m *answers) add(id RequestID, asked Fingerprint, answer []byte, expireAt int64) {
	size := answerHeader + len(answer)
	last := len(m.chunks) - 1
	if last < 0 || cap(m.chunks[last].buf)-len(m.chunks[last].buf) < size {
		m.chunks = append(m.chunks, answerChunk{buf: make([]byte, 0, max(size, answerChunkBytes))})
		last++
		m.held += cap(m.chunks[last].buf)
	}
	if m.index == nil {
		m.index = map[RequestID]answerPlace{}
	}
	b := m.chunks[last].buf
	m.index[id] = answerPlace{chunk: m.first + uint64(last), offset: uint64(len(b))}
	b = append(append(b, id[:]...), asked[:]...)
	b = binary.LittleEndian.AppendUint64(b, uint64(expireAt))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(answer)))
	m.chunks[last].buf = append(b, answer...)
	m.count++
	m.size += answerCost + len(answer)
}

// oldest returns the oldest answer, which must be there.
func (m *answers) oldest() storedAnswer {
	return storedAnswer(m.chunks[0].buf[m.chunks[0].head:])
}

func (m *answers) forgetOldest() {
	a, c := m.oldest(), &m.chunks[0]
	// The same request may have been answered again after its first answer expired.
	if id := a.id(); m.index[id] == (answerPlace{chunk: m.first, offset: uint64(c.head)}) {
		delete(m.index, id)
	}
	m.count--
	m.size -= answerCost + len(a.answer())
	if c.head += a.size(); c.head < len(c.buf) {
		return
	}
	m.held -= cap(c.buf)
	m.first++
	copy(m.chunks, m.chunks[1:])
	m.chunks[len(m.chunks)-1] = answerChunk{}
	m.chunks = m.chunks[:len(m.chunks)-1]
}

// memory returns the bytes that the answers take from the process.
func (m *answers) memory() int64 { return int64(m.held + m.count*(answerCost-answerHeader)) }

// hash is equal for the same answers in the same order, which decides what is forgotten
// next.
func (m *answers) hash() (sum uint64) {
	const seed = 0x616e73
	for _, c := range m.chunks {
		for rest := storedAnswer(c.buf[c.head:]); len(rest) > 0; rest = rest[rest.size():] {
			sum = mix(sum^wy0, hash64(rest[:rest.size()], seed)^wy1)
		}
	}
	return sum
}
