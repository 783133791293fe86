package command

// GlobMatch is the pattern matching of KEYS and SCAN, ported from stringmatchlen in
// Redis's util.c: *, ?, [set], [^set], [a-z] and \ to take a character literally.
// Its oddities are kept: an unclosed set ends with the pattern, ranges compare
// signed bytes, and nothing but the empty pattern matches the empty string.
func GlobMatch(pattern, s []byte) bool {
	skip := false
	return glob(pattern, s, &skip, 0)
}

const maxGlobNesting = 1000

// at is pattern[i], or 0 beyond the end.
func at(b []byte, i int) byte {
	if i < len(b) {
		return b[i]
	}
	return 0
}

// glob sets skip when no longer match of an earlier star can help any more.
func glob(p, s []byte, skip *bool, nesting int) bool {
	if nesting > maxGlobNesting {
		return false
	}
	for len(p) > 0 && len(s) > 0 {
		switch p[0] {
		case '*':
			for at(p, 1) == '*' {
				p = p[1:]
			}
			if len(p) == 1 {
				return true
			}
			for len(s) > 0 {
				if glob(p[1:], s, skip, nesting+1) {
					return true
				}
				if *skip {
					return false
				}
				s = s[1:]
			}
			*skip = true
			return false
		case '?':
		case '[':
			var match bool
			if match, p = globSet(p[1:], s[0]); !match {
				return false
			}
		case '\\':
			if len(p) >= 2 {
				p = p[1:]
			}
			fallthrough
		default:
			if p[0] != s[0] {
				return false
			}
		}
		s = s[1:]
		p = p[1:]
		if len(s) == 0 {
			for at(p, 0) == '*' {
				p = p[1:]
			}
			break
		}
	}
	return len(p) == 0 && len(s) == 0
}

// globSet matches c against the set whose inside p begins with. It returns the
// pattern from the last character of the set on.
func globSet(p []byte, c byte) (match bool, last []byte) {
	negate := at(p, 0) == '^'
	if negate {
		p = p[1:]
	}
	i := 0
	for ; ; i++ {
		switch {
		case len(p)-i >= 2 && p[i] == '\\':
			i++
			if p[i] == c {
				match = true
			}
			continue
		case i < len(p) && p[i] == ']':
			return match != negate, p[i:]
		case i >= len(p):
			// The caller goes one further, to the end of the pattern.
			return match != negate, []byte{0}
		case len(p)-i >= 3 && p[i+1] == '-':
			from, to := int8(p[i]), int8(p[i+2])
			if from > to {
				from, to = to, from
			}
			i += 2
			if int8(c) >= from && int8(c) <= to {
				match = true
			}
		case p[i] == c:
			match = true
		}
	}
}
