package codec

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"github.com/soltihq/solti-host/host/internal/event"
	"github.com/soltihq/solti-host/host/task"
)

var at = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC)

// whole is a task with every field set.
func whole() (*task.Task, event.Book) {
	code, retries := -1, 0
	t := &task.Task{
		APIVersion: "other/v2", Kind: "",
		Metadata: task.Metadata{
			Name: "a", UID: task.UID{1, 2, 3}, Generation: 3, ResourceVersion: "e.7", CreationTimestamp: at,
			DeletionTimestamp: at.Add(1), Labels: map[string]string{"k": "v", "": "", "任务": "✓"},
			Annotations: map[string]string{"long": strings.Repeat("ü", 5000)},
		},
		Spec: task.Spec{
			Slot:     "s",
			Workload: task.Workload{APIVersion: task.APIVersion, Kind: "Subprocess", Spec: []byte(`{"command":"x"}`)},
			Timeout:  -5, StartTimeout: 1 << 62, Restart: task.Restart{Policy: task.Always, Interval: 7},
			Backoff:   &task.Backoff{First: 1, Max: 2, Factor: -0.5, Jitter: task.Equal},
			Admission: task.Replace, MaxRetries: &retries,
			RunnerSelector: &task.Selector{
				MatchLabels:      map[string]string{"zone": "eu"},
				MatchExpressions: []task.Requirement{{Key: "a", Operator: task.In, Values: []string{"", "x"}}, {Key: "b", Operator: task.Exists}},
			},
		},
		Status: task.Status{
			ObservedGeneration: 2, Phase: task.Exhausted, Attempt: 9, Runner: "subprocess", RunID: "r-s-1", ExitCode: &code,
			Signal: "SIGKILL", NextAt: time.Unix(0, 0).UTC(), Waiting: "backoff",
			Error:   &task.Failure{Reason: task.ReasonExit, Message: "m\xff", Violations: []task.FieldError{{Path: "p", Message: "m"}, {}}},
			Outcome: &task.Outcome{Kind: task.OutcomeLost, Reason: task.ReasonHostLost, Message: "m", FinishedAt: at},
		},
	}
	return t, event.Book{Revision: 1 << 63, Order: 5, Head: true, Owner: true, Streak: 4, Losses: 2, Stop: task.ReasonDeleted, Slot: "old", System: true}
}

func wholeRun() task.Run {
	code := 0
	return task.Run{
		Attempt: 1 << 40, Generation: 2, RunID: "r-s-1", Runner: "wasm", Workload: "acme.dev/v1 Probe", Phase: task.LostRun,
		StartedAt: at, FinishedAt: at.Add(time.Hour), ExitCode: &code, Signal: "SIGTERM", Error: &task.Failure{Reason: task.ReasonLost},
		StdoutBytes: 1 << 50, StderrBytes: 2, Dropped: 3, OutputRef: []byte{0, 0xff},
		Facts: map[string]string{"module": "sha256:0", "mounts": "", "": "ü\xff"},
	}
}

func encodeTask(t *task.Task, b *event.Book) []byte {
	image := ImageOf(t, b)
	return AppendTask(nil, t, &image)
}

func TestTaskRoundTrip(t *testing.T) {
	for name, make := range map[string]func() (*task.Task, event.Book){
		"whole": whole,
		"empty": func() (*task.Task, event.Book) { return &task.Task{}, event.Book{} },
	} {
		in, book := make()
		got, gotBook, err := DecodeTask(in.Metadata.UID, encodeTask(in, &book), false)
		if err != nil || !reflect.DeepEqual(got, in) || gotBook != book {
			t.Errorf("%s: %v\n got %+v %+v\nwant %+v %+v", name, err, got, gotBook, in, book)
		}
	}
}

// TestRoundTripsCoverEveryField fails when a type has got a field that the round trips do not have, which
// the codec then may not have either.
func TestRoundTripsCoverEveryField(t *testing.T) {
	in, book := whole()
	for _, v := range []any{in.Metadata, in.Spec, in.Status, *in.Status.Error, *in.Status.Outcome, *in.Spec.Backoff, *in.Spec.RunnerSelector, book, wholeRun()} {
		for i, r := 0, reflect.ValueOf(v); i < r.NumField(); i++ {
			if r.Field(i).IsZero() {
				t.Errorf("%s.%s is not set", r.Type(), r.Type().Field(i).Name)
			}
		}
	}
}

func TestHeadHasWhatAListNeeds(t *testing.T) {
	in, book := whole()
	got, gotBook, err := DecodeTask(in.Metadata.UID, encodeTask(in, &book), true)
	if err != nil {
		t.Fatal(err)
	}
	want := *in
	want.Metadata.Annotations = nil
	want.Spec = task.Spec{Slot: in.Spec.Slot}
	if !reflect.DeepEqual(got, &want) || gotBook != book {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestRunRoundTrip(t *testing.T) {
	in, book := whole()
	image := ImageOf(in, &book)
	for _, run := range []task.Run{wholeRun(), {}} {
		b := AppendRun(nil, &run, &image)
		got, err := DecodeRun(b)
		if err != nil || !reflect.DeepEqual(got, run) {
			t.Errorf("run: %v\n got %+v\nwant %+v", err, got, run)
		}
		carried, err := RunImage(b)
		if err != nil || !reflect.DeepEqual(*carried, image) {
			t.Errorf("image: %v\n got %+v\nwant %+v", err, carried, image)
		}
	}
	run := wholeRun()
	if carried, err := RunImage(AppendRun(nil, &run, nil)); err != nil || carried != nil {
		t.Errorf("image of a run without one: %+v, %v", carried, err)
	}
}

func TestKeyAndTotalsRoundTrip(t *testing.T) {
	key := event.Key{Text: "ключ", Digest: [32]byte{0, 1, 31: 9}, UID: task.UID{15: 1}, Name: "n", Busy: true, Expires: at}
	if got, err := DecodeKey(AppendKey(nil, &key)); err != nil || got != key {
		t.Errorf("key %+v, %v", got, err)
	}
	totals := Totals{Count: event.Counters{Run: 1, Name: 2, Order: 1 << 63}, Records: 4}
	if got, err := DecodeTotals(AppendTotals(nil, &totals)); err != nil || got != totals {
		t.Errorf("totals %+v, %v", got, err)
	}
}

// TestLaterFieldsAreSkipped adds fields that a later version may have, of every wire type, before and
// behind what is known.
func TestLaterFieldsAreSkipped(t *testing.T) {
	var later []byte
	later = protowire.AppendVarint(protowire.AppendTag(later, 1000, protowire.VarintType), 7)
	later = protowire.AppendFixed64(protowire.AppendTag(later, 1001, protowire.Fixed64Type), 7)
	later = protowire.AppendFixed32(protowire.AppendTag(later, 1002, protowire.Fixed32Type), 7)
	later = protowire.AppendString(protowire.AppendTag(later, 1003, protowire.BytesType), "seven")
	later = protowire.AppendTag(later, 1004, protowire.StartGroupType)
	later = protowire.AppendTag(later, 1004, protowire.EndGroupType)
	in, book := whole()
	b := append(append(bytes.Clone(later), encodeTask(in, &book)...), later...)
	got, gotBook, err := DecodeTask(in.Metadata.UID, b, false)
	if err != nil || !reflect.DeepEqual(got, in) || gotBook != book {
		t.Errorf("task: %v, %+v", err, got)
	}
	run := wholeRun()
	if got, err := DecodeRun(append(AppendRun(bytes.Clone(later), &run, nil), later...)); err != nil || !reflect.DeepEqual(got, run) {
		t.Errorf("run: %v, %+v", err, got)
	}
}

// TestValuesAreCheckedWhole changes, cuts and moves values.
func TestValuesAreCheckedWhole(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		payload := rapid.SliceOf(rapid.Byte()).Draw(rt, "payload")
		prefix := rapid.SliceOf(rapid.Byte()).Draw(rt, "prefix")
		key := []byte("key")
		b := End(append(Begin(bytes.Clone(prefix)), payload...), len(prefix), "runs", key)
		v := b[len(prefix):]
		if got, err := Open("runs", key, v); err != nil || !bytes.Equal(got, payload) {
			rt.Fatalf("got %v, %v", got, err)
		}
		bad := bytes.Clone(v)
		bad[rapid.IntRange(0, len(bad)-1).Draw(rt, "at")] ^= byte(rapid.IntRange(1, 255).Draw(rt, "bits"))
		for _, tt := range []struct {
			bucket     string
			key, value []byte
		}{
			{"runs", key, bad}, {"runs", key, v[:rapid.IntRange(0, len(v)-1).Draw(rt, "cut")]}, {"runs", []byte("kez"), v}, {"tasks", key, v},
		} {
			if _, err := Open(tt.bucket, tt.key, tt.value); err == nil {
				rt.Fatalf("%+v was not refused", tt)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	in, book := whole()
	image, run := ImageOf(in, &book), wholeRun()
	f.Add(encodeTask(in, &book))
	f.Add(AppendRun(nil, &run, &image))
	f.Add(AppendImage(nil, &image))
	f.Add(AppendKey(nil, &event.Key{Text: "k"}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		for _, head := range []bool{true, false} {
			if got, book, err := DecodeTask(task.UID{}, b, head); err == nil {
				again, _, err := DecodeTask(task.UID{}, encodeTask(got, &book), false)
				if err != nil || !reflect.DeepEqual(again.Status.Outcome, got.Status.Outcome) {
					t.Errorf("a decoded task does not survive: %v", err)
				}
			}
		}
		DecodeRun(b)
		RunImage(b)
		DecodeImage(b)
		DecodeKey(b)
		DecodeTotals(b)
		DecodeNumber(b)
		DecodeText(b)
		Open("tasks", nil, b)
		if !bytes.Equal(b, before) {
			t.Error("decoding changed the bytes")
		}
	})
}

// usual is a task as most are.
func usual() (*task.Task, event.Book) {
	return &task.Task{
		APIVersion: task.APIVersion, Kind: task.KindTask,
		Metadata: task.Metadata{
			Name: "subprocess-backup-17", UID: task.UID{1}, Generation: 1, ResourceVersion: "abcdefghij.3", CreationTimestamp: at,
			Labels: map[string]string{"team": "infra", "app": "backup"},
		},
		Spec: task.Spec{
			Slot:     "backup",
			Workload: task.Workload{APIVersion: task.APIVersion, Kind: "Subprocess", Spec: []byte(`{"command":"pg_dump","args":["app"],"env":{"PGHOST":"/run/postgresql"}}`)},
			Timeout:  task.Duration(time.Minute),
		},
		Status: task.Status{ObservedGeneration: 1, Phase: task.Running, Attempt: 1, Runner: "subprocess", RunID: "subprocess-backup-17"},
	}, event.Book{Revision: 2, Order: 17, Owner: true}
}

func BenchmarkCodec(b *testing.B) {
	t, book := usual()
	run := task.Run{Attempt: 1, Generation: 1, RunID: "subprocess-backup-17", Runner: "subprocess", Workload: "solti.io/v1 Subprocess", Phase: task.Running, StartedAt: at}
	image := ImageOf(t, &book)
	key := make([]byte, 24)
	taskValue, runValue := encodeTask(t, &book), AppendRun(nil, &run, &image)
	var buf []byte
	bench := func(name string, size int, f func() error) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.ReportMetric(float64(size), "B/value")
			for b.Loop() {
				if err := f(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	bench("EncodeTask", len(taskValue), func() error {
		buf = End(AppendTask(Begin(buf[:0]), t, &image), 0, "tasks", key)
		return nil
	})
	bench("EncodeRun", len(runValue), func() error {
		buf = End(AppendRun(Begin(buf[:0]), &run, &image), 0, "runs", key)
		return nil
	})
	bench("DecodeTask", len(taskValue), func() error { _, _, err := DecodeTask(t.Metadata.UID, taskValue, false); return err })
	bench("DecodeHead", len(taskValue), func() error { _, _, err := DecodeTask(t.Metadata.UID, taskValue, true); return err })
	bench("DecodeRun", len(runValue), func() error { _, err := DecodeRun(runValue); return err })
}
