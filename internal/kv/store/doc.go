// Package store holds the data of one partition in memory: keys, values, expiry
// times and versions.
//
// What it is made for: tens of millions of keys in one Go process. The index is a
// table of 8-byte entries without pointers and the records lie in large byte
// arenas, so the garbage collector has next to nothing to look at; nothing that
// a single call does grows with the number of keys, so there are no long pauses;
// and a snapshot can be written out while writes go on.
//
// # Layout
//
//	directory ──> segment (8..256 entries) ──> arena chunk
//	(top bits      (open addressing;            (records, append-only,
//	of the hash)    splits when full)            compacted by live ratio)
//
// The index is extendible hashing: the top bits of a key's hash choose a segment,
// and a full segment splits in two. So growing costs one small split at a time,
// and walking the segments in the order of their prefixes is a scan that no split
// or merge can confuse.
//
// A Store does not lock itself. Callers hold its lock as each method says, and may
// use slices that they got from it only while they hold the lock.
package store
