package screen

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestTextsAreWrappedBesideTheirNames(t *testing.T) {
	var table Table
	table.Line("Taken:", "no")
	table.Line("Because:", "imports %s, which nobody offers here", "env.abort")
	table.Line("", "second")
	for columns, want := range map[int]string{
		0:  "Taken:    no\nBecause:  imports env.abort, which nobody offers here\n          second\n",
		40: "Taken:    no\nBecause:  imports env.abort, which\n          nobody offers here\n          second\n",
		20: "Taken:    no\nBecause:  imports env.abort, which nobody offers here\n          second\n",
	} {
		var b strings.Builder
		if err := table.write(&b, columns); err != nil || b.String() != want {
			t.Errorf("at %d columns: %v\n%s", columns, err, b.String())
		}
	}
}

func TestOutputThatIsNoTerminalIsNotWrapped(t *testing.T) {
	var table Table
	text := strings.Repeat("word ", 100) + "end"
	table.Line("Name:", "%s", text)
	var b strings.Builder
	if err := table.Write(&b); err != nil || b.String() != "Name:  "+text+"\n" {
		t.Errorf("%v, %q", err, b.String())
	}
}

// Wrapping loses nothing, and no line is too long but for one of a single word.
func TestWrapKeepsEveryWord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-zé ]{0,200}`).Draw(t, "text")
		columns := rapid.IntRange(narrow, 80).Draw(t, "columns")
		lines := wrap(text, columns)
		if got, want := strings.Fields(strings.Join(lines, " ")), strings.Fields(text); strings.Join(got, " ") != strings.Join(want, " ") {
			t.Fatalf("got %q, want %q", got, want)
		}
		for _, l := range lines {
			if n := len([]rune(l)); n > columns && strings.Contains(strings.TrimSpace(l), " ") {
				t.Fatalf("%q has %d columns of %d", l, n, columns)
			}
		}
	})
}
