package api

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/soltihq/solti-host/host/task"
)

// offsetError names the parameter at fault where err says that output does not reach that far.
func offsetError(err error, stdout, stderr string) error {
	var beyond *task.OffsetError
	switch {
	case !errors.As(err, &beyond):
		return err
	case beyond.Stream == task.Stderr:
		return badField(stderr, beyond.Error())
	}
	return badField(stdout, beyond.Error())
}

// An outputQuery is what output a request wants.
type outputQuery struct {
	task.OutputQuery
	place    string   // what said where to begin: a parameter or a header
	after    task.UID // of the event after which to go on; zero means any
	complete bool     // the reader, who resumes, has it all
}

const lastEventID = "Last-Event-ID"

// errOldEvent refuses to go on after an event of another task. Its output is gone.
var errOldEvent = &task.Error{
	Reason: task.ReasonExpired, Message: lastEventID + ": it is of an earlier task of this name: begin anew, without it",
	Violations: task.FieldErrors{{Path: lastEventID, Message: "it is of an earlier task of this name"}}, Err: task.ErrExpired,
}

func readOutputQuery(r *http.Request, events bool) (*outputQuery, error) {
	p := readParams(r, "attempt", "stream", "follow", "offset", "uid")
	q := &outputQuery{place: "offset"}
	q.UID, q.Stream, q.Follow = p.uid("uid"), p.stream("stream"), p.flag("follow")
	q.From.Attempt = p.number("attempt", 1<<31-1)
	p.offset("offset", q.Stream, &q.From)
	if err := p.err(); err != nil {
		return nil, err
	}
	if id := r.Header.Get(lastEventID); events && id != "" {
		return q, q.resume(id)
	}
	return q, nil
}

// offset reads bytes to skip: one number for one stream, two with a dot between them for both.
func (p *params) offset(name string, stream task.Stream, c *task.Cursor) {
	if !p.has(name) {
		return
	}
	ok := false
	switch {
	case stream == task.Stdout:
		c.Stdout, ok = parseOffset(p.text(name))
	case stream == task.Stderr:
		c.Stderr, ok = parseOffset(p.text(name))
	default:
		ok = parseOffsets(p.text(name), c)
	}
	if !ok {
		p.fail(name, "want a number of bytes with stream=stdout or stream=stderr, and otherwise STDOUT.STDERR, such as 4096.0")
	}
}

func parseOffset(s string) (int64, bool) {
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err == nil
}

func parseOffsets(s string, c *task.Cursor) bool {
	stdout, stderr, both := strings.Cut(s, ".")
	var ok1, ok2 bool
	c.Stdout, ok1 = parseOffset(stdout)
	c.Stderr, ok2 = parseOffset(stderr)
	return both && ok1 && ok2
}

// appendEventID writes a place in the output of a task: uid/attempt/stdoutOffset.stderrOffset.
func appendEventID(b []byte, uid string, c task.Cursor) []byte {
	b = append(append(b, uid...), '/')
	b = append(strconv.AppendInt(b, int64(c.Attempt), 10), '/')
	b = append(strconv.AppendInt(b, c.Stdout, 10), '.')
	return strconv.AppendInt(b, c.Stderr, 10)
}

// parseEventID is the inverse of appendEventID. An empty uid stands for any.
func parseEventID(id string) (uid task.UID, c task.Cursor, ok bool) {
	parts := strings.Split(id, "/")
	if len(parts) != 3 {
		return uid, c, false
	}
	uid, err := task.ParseUID(parts[0])
	attempt, err2 := strconv.ParseUint(parts[1], 10, 31)
	c.Attempt = int(attempt)
	return uid, c, err == nil && err2 == nil && attempt > 0 && parseOffsets(parts[2], &c)
}

// resume makes q go on after the event of that id.
func (q *outputQuery) resume(id string) error {
	uid, from, ok := parseEventID(id)
	if !ok {
		return badField(lastEventID, "want uid/attempt/stdoutOffset.stderrOffset, as in the id of an event")
	}
	if !q.UID.IsZero() && !uid.IsZero() && uid != q.UID {
		return badField(lastEventID, "its uid differs from the parameter uid")
	}
	asked := q.From.Attempt
	if asked > from.Attempt {
		return badField(lastEventID, "its attempt lies before the parameter attempt")
	}
	q.place, q.after, q.From, q.Rest = lastEventID, uid, from, asked == 0
	q.complete = asked != 0 && asked < from.Attempt
	return nil
}
