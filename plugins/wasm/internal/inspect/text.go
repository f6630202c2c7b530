package inspect

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/screen"
)

// most is how many items of a list people are shown.
const most = 64

// write tells people.
func (r *Report) write(to io.Writer) error {
	var t screen.Table
	line := t.Line
	line("File:", "%s", name(r.File))
	line("Digest:", "%s", r.Digest)
	line("Format:", "%s, %s", r.Format, sizeText(r.Bytes))
	r.writeContents(line)
	if d := r.Derived; d != nil {
		line("Run as:", "%s, %s, %d data segments", d.Digest, sizeText(d.Bytes), d.Segments)
		for i, s := range d.Dropped {
			line(first(i, "Left out:"), "section %s", name(s))
		}
	}
	if c := r.Compiled; c != nil {
		line("Compiled:", "%s of native code, %s of processor time, %s of memory",
			sizeText(c.NativeBytes), c.CPU.Round(time.Millisecond), sizeText(c.Memory))
	}
	r.writeVerdict(line)
	return t.Write(to)
}

// writeVerdict tells whether the runner takes it.
func (r *Report) writeVerdict(line func(name, format string, args ...any)) {
	line("Limits:", "module %s, function %s, memory to begin with %s, tables %d elements, entry point %s",
		sizeText(int64(r.Rules.MaxBytes)), sizeText(int64(r.Rules.MaxFunction)), sizeText(int64(r.Rules.MemoryPages)<<16), //nolint:gosec // small
		r.Rules.TableElements, name(r.Rules.EntryPoint))
	switch {
	case !r.Taken:
		line("Taken:", "no")
	case r.Compiled != nil:
		line("Taken:", "yes")
	default:
		line("Taken:", "yes, unless its code turns out to be invalid: --compile tells")
	}
	if r.Rules.SignatureAsked {
		line("", "if it is signed, which was not looked at")
	}
	for i, reason := range r.Reasons {
		line(first(i, "Because:"), "%s", printable(reason))
	}
}

func (r *Report) writeContents(line func(name, format string, args ...any)) {
	c := r.Contents
	if c == nil {
		return
	}
	for i, m := range c.Memories {
		line(first(i, "Memory:"), "%s", m.text(func(n uint64) string { return sizeText(int64(n) << 16) })) //nolint:gosec // at most 2^48
	}
	for i, t := range c.Tables {
		line(first(i, "Table:"), "%s", t.text(func(n uint64) string { return strconv.FormatUint(n, 10) + " elements" }))
	}
	functions := strconv.Itoa(c.Functions)
	if l := c.Largest; l != nil {
		functions += ", the largest of " + sizeText(int64(l.Bytes))
		if l.Name != "" {
			functions += ": " + name(l.Name)
		}
	}
	line("Functions:", "%s", functions)
	line("Data:", "%d segments", c.Segments)
	line("Features:", "%s", orNone(c.Features))
	line("Has:", "names %s, debug information %s, start function %s", yes(c.Names), yes(c.Debug), yes(c.Start))
	list(line, "Imports:", len(c.Imports), func(i int) string {
		m := c.Imports[i]
		text := fmt.Sprintf("%s %s.%s %s", m.Kind, name(m.Module), name(m.Name), m.Signature)
		if !m.Offered {
			text += "  (not offered)"
		}
		return text
	})
	list(line, "Exports:", len(c.Exports), func(i int) string {
		e := c.Exports[i]
		return strings.TrimSpace(fmt.Sprintf("%s %s %s", e.Kind, name(e.Name), e.Signature))
	})
	list(line, "Sections:", len(c.Sections), func(i int) string {
		return name(c.Sections[i].Name) + ", " + sizeText(int64(c.Sections[i].Bytes))
	})
}

func list(line func(name, format string, args ...any), title string, n int, item func(int) string) {
	if n == 0 {
		line(title, "none")
	}
	for i := range min(n, most) {
		line(first(i, title), "%s", item(i))
	}
	if n > most {
		line("", "and %d more", n-most)
	}
}

// first returns the title for the first of several lines.
func first(i int, title string) string {
	if i == 0 {
		return title
	}
	return ""
}

func (b Bounds) text(size func(uint64) string) string {
	text := size(b.Min)
	if b.Max != nil {
		text += ", at most " + size(*b.Max)
	}
	if b.Shared {
		text += ", shared"
	}
	if b.Is64 {
		text += ", 64-bit"
	}
	return text
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none beyond WebAssembly 2.0"
	}
	return strings.Join(list, ", ")
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// name returns what a module calls something, quoted where it could be taken for something else. It is cut
// off where it is longer than people want to read.
func name(s string) string {
	const longest = 200
	cut := ""
	if len(s) > longest {
		s, cut = strings.ToValidUTF8(s[:longest], ""), "..."
	}
	if q := strconv.Quote(s); s == "" || strings.ContainsRune(s, ' ') || q != `"`+s+`"` {
		return q + cut
	}
	return s + cut
}

// printable returns a sentence without what a terminal would act upon.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// sizeText writes a size as people do.
func sizeText(n int64) string {
	const units = "KMG"
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " bytes"
	}
	f, unit := float64(n)/1024, 0
	for ; f >= 1024 && unit < len(units)-1; f /= 1024 {
		unit++
	}
	return strings.TrimSuffix(strconv.FormatFloat(f, 'f', 1, 64), ".0") + " " + units[unit:unit+1] + "iB"
}
