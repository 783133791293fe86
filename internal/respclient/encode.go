package respclient

import "strconv"

// AppendCommand appends a command of these words in the form that every Redis
// server takes.
func AppendCommand[T string | []byte](dst []byte, words ...T) []byte {
	dst = append(dst, '*')
	dst = strconv.AppendInt(dst, int64(len(words)), 10)
	dst = append(dst, '\r', '\n')
	for _, w := range words {
		dst = AppendBulk(dst, w)
	}
	return dst
}

// AppendBulk appends one word of a command.
func AppendBulk[T string | []byte](dst []byte, b T) []byte {
	dst = append(dst, '$')
	dst = strconv.AppendInt(dst, int64(len(b)), 10)
	dst = append(dst, '\r', '\n')
	dst = append(dst, b...)
	return append(dst, '\r', '\n')
}
