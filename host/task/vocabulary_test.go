package task

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestDurationTextIsShortAndReadsBack(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 90 * time.Second: "1m30s", 10 * time.Minute: "10m", time.Hour: "1h", 100 * time.Hour: "100h",
		time.Hour + time.Second: "1h0m1s", 1500 * time.Millisecond: "1.5s", -time.Minute: "-1m",
	} {
		if got := Duration(d).String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		d := Duration(rapid.Int64().Draw(t, "d"))
		var got Duration
		if err := got.UnmarshalText([]byte(d.String())); err != nil || got != d || got.D() != time.Duration(d) {
			t.Fatalf("%s: got %v, %v", d, got, err)
		}
	})
}

func TestUIDsSortByCreationAndReadBack(t *testing.T) {
	start := time.UnixMilli(1_700_000_000_000)
	var last string
	for i := range 100 {
		u := NewUID(start.Add(time.Duration(i) * time.Millisecond))
		if u.String() <= last || len(u.String()) != 36 || u.String()[14] != '7' || u[8]>>6 != 2 {
			t.Fatalf("%s after %s", u, last)
		}
		last = u.String()
		if got, err := ParseUID(last); err != nil || got != u {
			t.Fatalf("got %v, %v, want %v", got, err, u)
		}
	}
	for _, text := range []string{"x", strings.Repeat("x", 36), last[:35], last + "0", strings.ReplaceAll(last, "-", "0"), "zz" + last[2:]} {
		if u, err := ParseUID(text); !errors.Is(err, ErrUID) || !u.IsZero() {
			t.Errorf("%s: got %v, %v", text, u, err)
		}
	}
	if u, err := ParseUID(""); err != nil || !u.IsZero() || u.String() != "" {
		t.Errorf("empty: got %v, %v", u, err)
	}
}

func TestBackoffDefaults(t *testing.T) {
	const s = Duration(time.Second)
	for _, c := range []struct{ in, want Backoff }{
		{Backoff{}, DefaultBackoff},
		{Backoff{First: 60 * s}, Backoff{60 * s, 60 * s, 2, Full}},
		{Backoff{Max: s / 2}, Backoff{s / 2, s / 2, 2, Full}},
		{Backoff{Max: 90 * s, Factor: 3}, Backoff{s, 90 * s, 3, Full}},
		{Backoff{2 * s, 3 * s, 1, NoJitter}, Backoff{2 * s, 3 * s, 1, NoJitter}},
	} {
		if got := c.in.Defaulted(); got != c.want {
			t.Errorf("%+v: got %+v, want %+v", c.in, got, c.want)
		}
	}
	if got := (*Backoff)(nil).Defaulted(); got != DefaultBackoff {
		t.Errorf("nil: got %+v", got)
	}
}

func TestOutcomesHavePhases(t *testing.T) {
	for kind, want := range map[OutcomeKind][2]Phase{ // not spent, spent
		OutcomeCompleted: {Succeeded, Succeeded}, OutcomeFailed: {Failed, Exhausted}, OutcomeFatal: {Failed, Failed},
		OutcomeCanceled: {Canceled, Canceled}, OutcomeForceAborted: {Canceled, Canceled},
		OutcomePanicked: {Failed, Failed}, OutcomeRejected: {Failed, Failed}, OutcomeLost: {Failed, Failed},
	} {
		if got := [2]Phase{kind.Phase(false), kind.Phase(true)}; got != want {
			t.Errorf("%s: got %v, want %v", kind, got, want)
		}
		if !slices.Contains(OutcomeKinds, kind) {
			t.Errorf("%s is not listed", kind)
		}
	}
}

func TestTruncateKeepsValidText(t *testing.T) {
	for _, s := range []string{"short", "a\xffb", strings.Repeat("x", MaxMessage+1), "x" + strings.Repeat("\u00e4", MaxMessage), strings.Repeat("\xff", MaxMessage)} {
		got := Truncate(s)
		if len(got) > MaxMessage || !utf8.ValidString(got) || utf8.ValidString(s) && len(got) < min(len(s), MaxMessage-utf8.UTFMax) {
			t.Errorf("%d bytes became %d", len(s), len(got))
		}
	}
}

func TestErrorsSayWhatTheyAre(t *testing.T) {
	timeout, cancel := &StopError{ReasonTimeout}, &StopError{ReasonCanceled}
	if !errors.Is(timeout, context.DeadlineExceeded) || errors.Is(timeout, context.Canceled) ||
		!errors.Is(cancel, context.Canceled) || errors.Is(cancel, context.DeadlineExceeded) || cancel.Error() != "stopped: canceled" {
		t.Error("a stop is not what it says")
	}
	e := &Error{Reason: ReasonInvalidSpec, Violations: FieldErrors{{Path: "a", Message: "b"}}, Err: ErrConflict}
	if e.Error() != "InvalidSpec: a: b" || !errors.Is(e, ErrConflict) || len(e.Failure().Violations) != 1 {
		t.Errorf("got %v and %+v", e, e.Failure())
	}
	if (FieldErrors)(nil).Err() != nil {
		t.Error("no problems are an error")
	}
	if err := ValidateLabels("labels", map[string]string{"-": "-"}); err == nil || strings.Count(err.Error(), `labels["-"]: `) != 2 {
		t.Errorf("got %v", err)
	}
}

func FuzzCompact(f *testing.F) {
	f.Add([]byte(` { "a" : [ 1 , "x y\"" , { } ] } `))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if checkObject(raw) != nil {
			return
		}
		before := bytes.Clone(raw)
		got, deep := compact(bytes.Clone(raw))
		if deep != depth(raw) || deep != depth(got) || !sameJSON(got, before) {
			t.Fatalf("%s became %s, %d levels", before, got, deep)
		}
	})
}

func TestUIDTellsWhenItWasMade(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 123_456_789, time.UTC)
	if got, want := NewUID(at).Time(), at.Truncate(time.Millisecond); !got.Equal(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
