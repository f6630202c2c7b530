package sdk

import (
	"strings"
	"unicode/utf8"
)

// maxText bounds a text for people on the wire, in bytes.
const maxText = 32 << 10

// clip makes s valid UTF-8 of at most limit bytes.
func clip(s string, limit int) string {
	s = strings.ToValidUTF8(s, string(utf8.RuneError))
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
