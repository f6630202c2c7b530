package oracle

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/soltihq/solti-host/host/task"
)

// A LineKind names a kind of line in the ledger.
type LineKind string

// The kinds of lines.
const (
	Begin   LineKind = "begin"   // a payload holds its locks and begins
	End     LineKind = "end"     // it is about to exit, with Code
	Overlap LineKind = "overlap" // it found the lock Note, of a task or a slot, taken
	Life    LineKind = "life"    // a host is about to be started; written by the harness, with its number as Code
)

// A Line is one line of the ledger, which is appended to by payloads:
//
//	begin SPEC TASK ATTEMPT RUN PID
//	end SPEC TASK ATTEMPT RUN PID CODE
//	overlap SPEC TASK ATTEMPT RUN PID (task|slot)
//	life NUMBER
type Line struct {
	Kind    LineKind
	Spec    string
	Name    task.Name
	Attempt int
	RunID   task.RunID
	PID     int
	Code    int
	Note    string
}

// ReadLedger reads a ledger. A line that is torn or unknown is an error; what is behind the last line is being
// written, and left out.
func ReadLedger(r io.Reader) ([]Line, error) {
	var all []Line
	b := bufio.NewReader(r)
	for n := 1; ; n++ {
		text, err := b.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		l, err := parseLine(strings.TrimSuffix(text, "\n"))
		if err != nil {
			return nil, fmt.Errorf("ledger line %d: %q: %w", n, text, err)
		}
		all = append(all, l)
	}
}

func parseLine(text string) (l Line, err error) {
	f := strings.Split(text, " ")
	l.Kind = LineKind(f[0])
	want := map[LineKind]int{Begin: 6, End: 7, Overlap: 7, Life: 2}[l.Kind]
	if len(f) != want {
		return l, fmt.Errorf("want %d fields", want)
	}
	if l.Kind == Life {
		l.Code, err = strconv.Atoi(f[1])
		return l, err
	}
	l.Spec, l.Name, l.RunID = f[1], task.Name(f[2]), task.RunID(f[4])
	if l.Attempt, err = strconv.Atoi(f[3]); err != nil {
		return l, err
	}
	if l.PID, err = strconv.Atoi(f[5]); err != nil {
		return l, err
	}
	switch l.Kind {
	case End:
		l.Code, err = strconv.Atoi(f[6])
	case Overlap:
		l.Note = f[6]
	}
	return l, err
}

// sequence returns the number at the end of a run id, or -1.
func sequence(id task.RunID) int64 {
	i := strings.LastIndexByte(string(id), '-')
	n, err := strconv.ParseInt(string(id)[i+1:], 10, 64)
	if err != nil {
		return -1
	}
	return n
}
