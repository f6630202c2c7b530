package main

import "testing"

func TestCleanEscapesWhatMovesATerminal(t *testing.T) {
	for in, want := range map[string]string{
		"plain text, ünïcode 世界": "plain text, ünïcode 世界",
		"\x1b[2Jgone":            `\u001b[2Jgone`,
		"a\tb\r\nc\x00":          `a\u0009b\u000d\u000ac\u0000`,
		"\u0085\u009b":           `\u0085\u009b`,
		"abc\u202egnp.exe":       `abc\u202egnp.exe`,
		"\xff":                   "\uFFFD",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
	if got := cleanLines("one\n\x1btwo\n"); got != "one\n\\u001btwo" {
		t.Errorf("got %q", got)
	}
}

func TestFirstLine(t *testing.T) {
	for in, want := range map[string]string{
		"short": "short", "line\n": "line", "line\nnext": "line…", "123456789012": "1234567890…", "ääääääääääää": "ääääääääää…",
	} {
		if got := firstLine(in, 10); got != want {
			t.Errorf("firstLine(%q) = %q, want %q", in, got, want)
		}
	}
}
