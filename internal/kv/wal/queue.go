package wal

// queue is a slice that can be shortened at both ends without moving its items
// every time.
type queue[T any] struct {
	items []T
	head  int // items before it are gone
}

func (q *queue[T]) len() int    { return len(q.items) - q.head }
func (q *queue[T]) at(i int) *T { return &q.items[q.head+i] }
func (q *queue[T]) push(item T) { q.items = append(q.items, item) }
func (q *queue[T]) view() []T   { return q.items[q.head:] }
func (q *queue[T]) reset()      { *q = queue[T]{} }

// keep drops all but the first n items.
func (q *queue[T]) keep(n int) {
	clear(q.items[q.head+n:])
	q.items = q.items[:q.head+n]
}

// drop drops the first n items.
func (q *queue[T]) drop(n int) {
	clear(q.items[q.head : q.head+n])
	q.head += n
	if q.head > 64 && q.head > len(q.items)/2 {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
}
