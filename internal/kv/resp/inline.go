package resp

import "bytes"

// inline reads a command that is a line of words, as people type it. It returns
// true and no new arguments for an empty line.
func (p *parser) inline(args [][]byte) ([][]byte, bool, error) {
	rest := p.buf[p.next:]
	end := bytes.IndexByte(rest, '\n')
	if end < 0 {
		if len(rest) > maxLine {
			return args, false, protocolError("too big inline request")
		}
		return args, false, nil
	}
	p.next += end + 1
	p.start = p.next
	line := bytes.TrimSuffix(rest[:end], []byte{'\r'})
	args, ok := splitWords(args, line)
	if !ok {
		return args, false, protocolError("unbalanced quotes in request")
	}
	return args, true, nil
}

// splitWords appends the words of a line to args, ported from sdssplitargs in
// Redis's sds.c: words are separated by blanks; "..." knows \n \r \t \b \a \xHH and
// \ before any character; '...' knows \'. It returns false when a quote is not
// closed or something follows it. Words without quotes are not copied.
func splitWords(args [][]byte, line []byte) ([][]byte, bool) {
	for {
		for len(line) > 0 && isSpace(line[0]) {
			line = line[1:]
		}
		if len(line) == 0 || line[0] == 0 {
			return args, true
		}
		end := 0
		for end < len(line) && !isSpace(line[end]) && line[end] != '"' && line[end] != '\'' && line[end] != 0 {
			end++
		}
		if end == len(line) || isSpace(line[end]) {
			args = append(args, line[:end:end])
			line = line[end:]
			continue
		}
		word, rest, ok := quotedWord(line)
		if !ok {
			return args, false
		}
		args = append(args, word)
		line = rest
	}
}

// quotedWord reads a word with quotes in it.
func quotedWord(line []byte) (word, rest []byte, ok bool) {
	word = []byte{}
	for i := 0; ; i++ {
		switch {
		case i == len(line) || line[i] == 0:
			return word, nil, true
		case isSpace(line[i]):
			return word, line[i:], true
		case line[i] == '"':
			if word, i, ok = doubleQuoted(word, line, i+1); !ok {
				return nil, nil, false
			}
			return word, line[i:], true
		case line[i] == '\'':
			if word, i, ok = singleQuoted(word, line, i+1); !ok {
				return nil, nil, false
			}
			return word, line[i:], true
		default:
			word = append(word, line[i])
		}
	}
}

// doubleQuoted reads up to the closing quote, which must end the word, and returns
// the position after it.
func doubleQuoted(word, line []byte, i int) ([]byte, int, bool) {
	for ; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+3 < len(line) && line[i+1] == 'x' && isHex(line[i+2]) && isHex(line[i+3]):
			word = append(word, unhex(line[i+2])<<4|unhex(line[i+3]))
			i += 3
		case c == '\\' && i+1 < len(line):
			i++
			word = append(word, unescape(line[i]))
		case c == '"':
			return word, i + 1, i+1 == len(line) || isSpace(line[i+1])
		case c == 0:
			return word, i, false
		default:
			word = append(word, c)
		}
	}
	return word, i, false
}

func singleQuoted(word, line []byte, i int) ([]byte, int, bool) {
	for ; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line) && line[i+1] == '\'':
			i++
			word = append(word, '\'')
		case c == '\'':
			return word, i + 1, i+1 == len(line) || isSpace(line[i+1])
		case c == 0:
			return word, i, false
		default:
			word = append(word, c)
		}
	}
	return word, i, false
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'b':
		return '\b'
	case 'a':
		return '\a'
	}
	return c
}

func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}
