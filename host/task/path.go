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

// FieldPath returns the path of the member name of the object at path, as the paths of a [FieldError]
// are written.
func FieldPath(path, name string) string { return field(path, name) }

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
// case, or that contains it, or else the one with the fewest letters changed or swapped, at most one
// in three. It returns "" if there is none.
func Closest(word string, among []string) string {
	if len(word) > MaxLabel {
		return ""
	}
	lower := strings.ToLower(word)
	best, fewest := "", max(1, len(word)/3)+1
	for _, w := range among {
		other := strings.ToLower(w)
		n := distance(lower, other)
		if len(word) >= 4 && strings.Contains(other, lower) {
			n = min(n, 1)
		}
		if n < fewest {
			best, fewest = w, n
		}
	}
	return best
}

// distance counts the letters to insert, drop, change or swap with the next that make a into b.
func distance(a, b string) int {
	rows := [3][]int{make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)}
	before, last, row := rows[0], rows[1], rows[2]
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := last[j-1]
			if a[i-1] != b[j-1] {
				cost++
			}
			row[j] = min(cost, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
