package shell

import (
	"errors"
	"strconv"
	"strings"
)

// errQuote means that a quotation was begun and not ended.
var errQuote = errors.New("a quotation is not ended")

// Split cuts a line into words as a person means them: at blanks, but not within
// quotes. In double quotes a backslash begins an escape of Go (\n, \x00, \"), so
// that any bytes can be written; in single quotes everything stands for itself;
// elsewhere a backslash takes the next character as it is. A word that begins with
// # begins a comment.
func Split(line string) ([]string, error) {
	var words []string
	for {
		line = strings.TrimLeft(line, " \t\r\n")
		if line == "" || line[0] == '#' {
			return words, nil
		}
		word, rest, err := cutWord(line)
		if err != nil {
			return nil, err
		}
		words, line = append(words, word), rest
	}
}

// cutWord returns the first word of a line that does not begin with a blank.
func cutWord(line string) (word, rest string, err error) {
	var b strings.Builder
	for line != "" {
		switch c := line[0]; c {
		case ' ', '\t', '\r', '\n':
			return b.String(), line, nil
		case '\'':
			end := strings.IndexByte(line[1:], '\'')
			if end < 0 {
				return "", "", errQuote
			}
			b.WriteString(line[1 : end+1])
			line = line[end+2:]
		case '"':
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				return "", "", errQuote
			}
			text, err := strconv.Unquote(quoted)
			if err != nil {
				return "", "", err
			}
			b.WriteString(text)
			line = line[len(quoted):]
		case '\\':
			if len(line) == 1 {
				return "", "", errors.New("nothing follows the backslash at the end")
			}
			b.WriteByte(line[1])
			line = line[2:]
		default:
			b.WriteByte(c)
			line = line[1:]
		}
	}
	return b.String(), "", nil
}
