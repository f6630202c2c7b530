package state

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unique"

	"github.com/soltihq/solti-host/host/task"
)

// An entry is what the view knows of a task without asking the store. It has no more than is needed to
// find the task, and to know when it may be forgotten.
type entry struct {
	uid    task.UID
	name   task.Name
	slot   task.Slot
	labels unique.Handle[string] // packed
	live   *task.Task            // the task, unless it is over

	finished int64  // when it was over, in Unix nanoseconds; 0 while it is not
	oldest   int64  // when the run numbered first ended; 0 if it has not, or unknown
	first    uint32 // attempt of the oldest run that is kept; above last if none is
	last     uint32 // attempt of the last run
	phase    phase
	system   bool
}

// unknown is the end of a run that only the store knows.
const unknown = -1

// A phase is a task.Phase as an index into task.Phases. Anything else is noPhase.
type phase uint8

const noPhase phase = 7

func phaseOf(p task.Phase) phase {
	if i := slices.Index(task.Phases, p); i >= 0 {
		return phase(i)
	}
	return noPhase
}

// runs returns how many runs are kept.
func (e *entry) runs() int {
	if e.first == 0 || e.first > e.last {
		return 0
	}
	return int(e.last-e.first) + 1
}

// ran notes a run that was started or has ended.
func (e *entry) ran(r *task.Run) {
	attempt := uint32(r.Attempt)
	if e.runs() == 0 {
		e.first = attempt
	}
	e.last = max(e.last, attempt)
	if attempt == e.first {
		e.oldest = nanos(r.FinishedAt)
	}
}

// pruned notes that runs up to an attempt are gone.
func (e *entry) pruned(through int) {
	if uint32(through) < e.first {
		return
	}
	e.first = uint32(through) + 1
	if e.oldest = unknown; e.runs() == 0 {
		e.oldest = 0
	}
}

func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// pack writes labels as one text, sorted by key: length of the key, key, length of the value, value. Tasks
// with the same labels share it.
func pack(m map[string]string) unique.Handle[string] {
	if len(m) == 0 {
		return unique.Make("")
	}
	var b []byte
	for _, k := range slices.Sorted(maps.Keys(m)) {
		b = appendText(appendText(b, k), m[k])
	}
	return unique.Make(string(b))
}

// appendText appends a text with its length. No label is as long as that can say; what a query asks for
// may be.
func appendText(b []byte, s string) []byte {
	s = s[:min(len(s), math.MaxUint16)]
	return append(binary.BigEndian.AppendUint16(b, uint16(len(s))), s...)
}

// unpackAt returns the label at an offset of packed labels, and the offset of the next.
func unpackAt(packed string, at int) (key, value string, next int) {
	key, at = textAt(packed, at)
	value, at = textAt(packed, at)
	return key, value, at
}

func textAt(packed string, at int) (text string, next int) {
	end := at + 2 + int(packed[at])<<8 + int(packed[at+1])
	return packed[at+2 : end], end
}

// label returns the value of a label.
func (e *entry) label(key string) (value string, ok bool) {
	packed := e.labels.Value()
	for at := 0; at < len(packed); {
		var k, v string
		if k, v, at = unpackAt(packed, at); k == key {
			return v, true
		}
	}
	return "", false
}

// unpack returns packed labels as a map.
func unpack(packed string) map[string]string {
	var m map[string]string
	for at := 0; at < len(packed); {
		var k, v string
		if k, v, at = unpackAt(packed, at); m == nil {
			m = make(map[string]string)
		}
		m[strings.Clone(k)] = strings.Clone(v)
	}
	return m
}
