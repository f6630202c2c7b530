package main

import (
	"fmt"
	"strings"
	"unicode"
)

// clean makes s harmless on a terminal: what is not printable is written as an escape. Text of
// tasks and plugins goes through it wherever it is part of the program's own words.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.IndexFunc(s, harmful) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if harmful(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// cleanLines is clean for text of several lines.
func cleanLines(s string) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n")
}

// firstLine is the first line of s, clean and at most max runes long.
func firstLine(s string, max int) string {
	line, more, cut := strings.Cut(s, "\n")
	r := []rune(line)
	if len(r) > max {
		r, cut, more = r[:max], true, "more"
	}
	if cut && more != "" {
		return clean(string(r)) + "…"
	}
	return clean(string(r))
}

// harmful reports whether r moves the cursor, changes the terminal, or reorders what is shown.
func harmful(r rune) bool {
	return !unicode.IsPrint(r) && r != ' ' || unicode.Is(unicode.Bidi_Control, r)
}
