package task

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// field returns the path of the member name of the object at path. Names that are no plain words
// appear in brackets, as in metadata.labels["acme.dev/team"].
func field(path, name string) string {
	if !isWord(name) {
		return path + "[" + clip(name) + "]"
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

// element returns the path of an element of the array at path.
func element(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

func isWord(s string) bool {
	if s == "" || len(s) > MaxLabel || isDigit(s[0]) || s[0] == '-' {
		return false
	}
	return all(s, func(c byte) bool { return isAlnum(c) || c == '_' || c == '-' })
}

// clip returns s in quotes, shortened: foreign text in a message must not make the message long.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return strconv.Quote(s)
	}
	n := most
	for n > most-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return strconv.Quote(s[:n]) + "..."
}

// Closest returns the word of among that word may have been meant to be: one that differs only in
// case, or else the one with the fewest changed letters, at most one in three. It returns "" if there
// is none.
func Closest(word string, among []string) string {
	best, fewest := "", max(1, len(word)/3)+1
	if len(word) > MaxLabel {
		return ""
	}
	for _, w := range among {
		if strings.EqualFold(w, word) {
			return w
		}
		if n := distance(strings.ToLower(word), strings.ToLower(w)); n < fewest {
			best, fewest = w, n
		}
	}
	return best
}

// distance counts the letters to insert, drop or change that make a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
