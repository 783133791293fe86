package command

import (
	"bytes"
	"math/big"
)

// longDouble is the floating point number that Redis counts with: the 80-bit
// format of x86, with a mantissa of 64 bits. It is computed with integers, so
// every processor gives the same result, digit by digit that of Redis.
type longDouble struct {
	f        big.Float // zero value: 0
	infinite bool
}

const (
	longDoubleBits   = 64
	maxExponent      = 16384  // of a finite number, as 0.1mmm x 2^e
	minExponent      = -16445 // of the smallest number that is not rounded to 0
	maxFloatArgument = 5 * 1024
	// Decimal numbers beyond these are surely out of range. The check keeps
	// 1e999999999 from costing more than a look.
	maxDecimalExponent = 5000
)

// parseLongDouble reads a number as strtold does, and refuses what Redis refuses:
// blanks, not a number, out of range.
func parseLongDouble(b []byte) (longDouble, bool) {
	var d longDouble
	if len(b) == 0 || len(b) >= maxFloatArgument {
		return d, false
	}
	digits := b
	if b[0] == '+' || b[0] == '-' {
		digits = b[1:]
	}
	if is(digits, "INF") && len(digits) == 3 || is(digits, "INFINITY") && len(digits) == 8 {
		d.infinite = true
		return d, true
	}
	base := 10
	if len(digits) > 2 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X') {
		base = 16
	}
	if !plausible(digits, base) {
		return d, false
	}
	text := string(b)
	if base == 16 {
		text = string(b[:len(b)-len(digits)]) + string(digits[2:])
	} else {
		switch magnitude(digits) {
		case 0:
			return d, wellFormed(text)
		case 1:
			return d, false
		}
	}
	d.f.SetPrec(longDoubleBits).SetMode(big.ToNearestEven)
	if _, _, err := d.f.Parse(text, base); err != nil || d.f.IsInf() {
		return longDouble{}, false
	}
	if e := d.f.MantExp(nil); d.f.Sign() != 0 && (e > maxExponent || e < minExponent) {
		return longDouble{}, false
	}
	return d, true
}

// plausible refuses characters that the parser below would take for more than
// strtold does.
func plausible(digits []byte, base int) bool {
	allowed := "0123456789.eE+-"
	if base == 16 {
		digits, allowed = digits[2:], "0123456789abcdefABCDEF.pP+-"
	}
	for _, c := range digits {
		if bytes.IndexByte([]byte(allowed), c) < 0 {
			return false
		}
	}
	return len(digits) > 0 && digits[0] != '+' && digits[0] != '-'
}

// wellFormed tells whether a text that can only be a zero is a number.
func wellFormed(text string) bool {
	mantissa := text
	for i := 0; i < len(text); i++ {
		if text[i] == 'e' || text[i] == 'E' {
			mantissa = text[:i] + "e0"
			exponent := text[i+1:]
			if len(exponent) > 0 && (exponent[0] == '+' || exponent[0] == '-') {
				exponent = exponent[1:]
			}
			if len(exponent) == 0 {
				return false
			}
			for _, c := range exponent {
				if c < '0' || c > '9' {
					return false
				}
			}
			break
		}
	}
	_, _, err := new(big.Float).Parse(mantissa, 10)
	return err == nil
}

// magnitude looks at an unsigned decimal number: 0 if all its digits are zero, 1 if
// it is surely too large or too small, 2 otherwise.
func magnitude(digits []byte) int {
	mantissa, exponent := digits, 0
	if i := bytes.IndexAny(digits, "eE"); i >= 0 {
		mantissa = digits[:i]
		negative := false
		for _, c := range digits[i+1:] {
			switch {
			case c == '-':
				negative = true
			case '0' <= c && c <= '9' && exponent < 1_000_000:
				exponent = exponent*10 + int(c-'0')
			}
		}
		if negative {
			exponent = -exponent
		}
	}
	// position is the decimal exponent of the first digit that is not zero.
	whole := bytes.IndexByte(mantissa, '.')
	if whole < 0 {
		whole = len(mantissa)
	}
	for i, c := range mantissa {
		if c < '1' || c > '9' {
			continue
		}
		position := whole - i + exponent
		if position > maxDecimalExponent || position < -maxDecimalExponent {
			return 1
		}
		return 2
	}
	return 0
}

// plus adds two numbers; false means that the sum is infinite or not a number.
func (d longDouble) plus(e longDouble) (longDouble, bool) {
	if d.infinite || e.infinite {
		return longDouble{}, false
	}
	var sum longDouble
	sum.f.SetPrec(longDoubleBits).SetMode(big.ToNearestEven)
	sum.f.Add(&d.f, &e.f)
	return sum, sum.f.Sign() == 0 || sum.f.MantExp(nil) <= maxExponent
}

// text is the number with at most 17 digits after the point, never an exponent.
func (d longDouble) text() []byte {
	b := d.f.Append(nil, 'f', 17)
	b = bytes.TrimRight(b, "0")
	b = bytes.TrimSuffix(b, []byte("."))
	if string(b) == "-0" {
		b = b[1:]
	}
	return b
}
