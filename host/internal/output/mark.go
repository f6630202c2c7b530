package output

import (
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// A mark is a place in a run's output: so many bytes of stdout and stderr lie before it.
type mark [2]int64

// covers reports whether nothing of stream s, or of any stream if s is 0, lies between m and o.
func (m mark) covers(o mark, s task.Stream) bool {
	if s != 0 {
		return m[s-1] >= o[s-1]
	}
	return m[0] >= o[0] && m[1] >= o[1]
}

// behind returns the first stream chosen by s in which m is before o, or 0.
func (m mark) behind(o mark, s task.Stream) task.Stream {
	for _, t := range [...]task.Stream{task.Stdout, task.Stderr} {
		if (s == 0 || s == t) && m[t-1] < o[t-1] {
			return t
		}
	}
	return 0
}

// sum returns the bytes of both streams.
func (m mark) sum() int64 { return m[0] + m[1] }

// stamp returns t as it is stored, or the time now if t is unset or cannot be stored.
func stamp(t time.Time) int64 {
	if y := t.Year(); t.IsZero() || y < 1970 || y > 2200 {
		t = time.Now()
	}
	return t.UnixNano()
}
