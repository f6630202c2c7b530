package screen

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// A Table is a list of lines, each of a name and a text. Its zero value is empty.
type Table struct{ lines [][2]string }

// Line adds a line. An empty name means that of the line above.
func (t *Table) Line(name, format string, args ...any) {
	t.lines = append(t.lines, [2]string{name, fmt.Sprintf(format, args...)})
}

// Write writes the table.
func (t *Table) Write(to io.Writer) error { return t.write(to, width(to)) }

// narrow is the least number of columns that a text is wrapped to.
const narrow = 24

// write writes the table for a screen of that many columns; 0 means that nothing is wrapped.
func (t *Table) write(to io.Writer, columns int) error {
	indent := 0
	for _, l := range t.lines {
		indent = max(indent, utf8.RuneCountInString(l[0])+2)
	}
	var b strings.Builder
	for _, l := range t.lines {
		name := l[0]
		for _, text := range wrap(l[1], columns-indent) {
			b.WriteString(strings.TrimRight(fmt.Sprintf("%-*s%s", indent, name, text), " ") + "\n")
			name = ""
		}
	}
	_, err := io.WriteString(to, b.String())
	return err
}

// wrap breaks a text between words so that no line is longer than columns, unless one word is.
func wrap(text string, columns int) (lines []string) {
	if columns < narrow || utf8.RuneCountInString(text) <= columns {
		return []string{text}
	}
	line, length := "", 0
	for word := range strings.SplitSeq(text, " ") {
		n := utf8.RuneCountInString(word)
		if length > 0 && length+1+n > columns {
			lines, line, length = append(lines, line), "", 0
		}
		if length > 0 {
			line, length = line+" ", length+1
		}
		line, length = line+word, length+n
	}
	return append(lines, line)
}

// width returns the columns of a terminal, or 0 of anything else.
func width(to io.Writer) int {
	file, ok := to.(*os.File)
	if !ok {
		return 0
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return 0
	}
	columns := 0
	_ = raw.Control(func(fd uintptr) {
		if size, err := unix.IoctlGetWinsize(int(fd), unix.TIOCGWINSZ); err == nil {
			columns = int(size.Col)
		}
	})
	return columns
}
