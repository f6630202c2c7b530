package launch

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// escape returns at most limit bytes of foreign text in which nothing moves a cursor, starts a line,
// changes the direction of writing or is not UTF-8.
func escape(s string, limit int) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		part := s[i : i+n]
		switch {
		case r == utf8.RuneError && n <= 1:
			part = `\x` + strconv.FormatUint(uint64(s[i])|0x100, 16)[1:]
		case r == '\t':
			part = " "
		case !unicode.IsPrint(r):
			quoted := strconv.QuoteRuneToASCII(r)
			part = quoted[1 : len(quoted)-1]
		}
		if b.Len()+len(part) > limit {
			return b.String() + "…"
		}
		b.WriteString(part)
		i += n
	}
	return b.String()
}
