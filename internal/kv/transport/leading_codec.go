package transport

import (
	"encoding/json"
	"fmt"

	"github.com/ringkv/ringkv/internal/kv/cluster"
)

// News of leaders are rare: a record is a JSON array of cluster.Leadership.
//
//	+-----------------------+
//	| news                  |
//	+-----------------------+
//	  uvarint length, bytes

func appendLeading(dst []byte, news []cluster.Leadership) ([]byte, error) {
	b, err := json.Marshal(news)
	if err != nil {
		return dst, fmt.Errorf("encode news of leaders: %w", err)
	}
	return appendBytes(dst, b), nil
}

// decodeLeading returns the news of a frame, which share nothing with it.
func decodeLeading(payload []byte, count int) ([]cluster.Leadership, error) {
	c := cursor{b: payload}
	var all []cluster.Leadership
	for i := range count {
		b := c.bytes()
		if c.bad {
			return nil, malformed("news %d of %d", i, count)
		}
		var news []cluster.Leadership
		if err := json.Unmarshal(b, &news); err != nil {
			return nil, fmt.Errorf("%w: news %d of %d: %w", errMalformed, i, count, err)
		}
		all = append(all, news...)
	}
	if len(c.b) > 0 {
		return nil, malformed("%d bytes after %d news", len(c.b), count)
	}
	return all, nil
}
