package command

import (
	"fmt"
	"testing"
)

// BenchmarkReply encodes replies into a buffer that is used again, as a connection's
// is: nothing is allocated.
func BenchmarkReply(b *testing.B) {
	value := make([]byte, 256)
	for name, encode := range map[string]func(*Reply){
		"ok":    (*Reply).OK,
		"int":   func(r *Reply) { r.Int(1_234_567) },
		"value": func(r *Reply) { r.Bulk(value) },
		"null":  (*Reply).Null,
		"array": func(r *Reply) {
			r.Array(16)
			for range 16 {
				r.Bulk(value)
			}
		},
	} {
		for _, proto := range []uint8{2, 3} {
			b.Run(fmt.Sprintf("%s/RESP%d", name, proto), func(b *testing.B) {
				r := &Reply{Proto: proto}
				b.ReportAllocs()
				for b.Loop() {
					r.Reset()
					encode(r)
				}
			})
		}
	}
}
