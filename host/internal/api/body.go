package api

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// mediaTypes are what a body may be. Decoding tells JSON and YAML apart by itself. Those that an HTML
// form can send are not among them.
var mediaTypes = []string{"application/json", "application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"}

// A document is a task as somebody wrote it.
type document struct {
	*task.Task
	body []byte
}

// readTask reads the task in the body of r.
func readTask(r *http.Request, w http.ResponseWriter) (document, error) {
	b, err := readBody(r, w)
	if err != nil {
		return document{}, err
	}
	t, err := task.Decode(b)
	if err != nil {
		return document{}, decodeError(err)
	}
	return document{t, b}, nil
}

// blame returns a refusal of the task with the lines of the fields at fault.
func (d document) blame(err error) error {
	fields := fieldsOf(err)
	if len(fields) == 0 {
		return err
	}
	return &locatedError{err, task.Locate(d.body, 1, fields)}
}

// A locatedError is an error that knows the lines of the fields at fault.
type locatedError struct {
	error
	fields task.FieldErrors
}

// Unwrap returns the error without lines.
func (e *locatedError) Unwrap() error { return e.error }

// decodeError makes a body that is no document a bad request. With fields at fault it is an invalid
// one.
func decodeError(err error) error {
	var fields task.FieldErrors
	if !errors.As(err, &fields) {
		return refuse(task.ReasonBadRequest, err.Error())
	}
	for _, f := range fields {
		if f.Path == "" {
			return &task.Error{Reason: task.ReasonBadRequest, Message: err.Error(), Violations: fields}
		}
	}
	return err
}

var errTooLarge = refuse(task.ReasonTooLarge, fmt.Sprintf("the body is longer than %d bytes", MaxBody))

// readBody reads a body of at most MaxBody bytes within bodyTimeout.
func readBody(r *http.Request, w http.ResponseWriter) ([]byte, error) {
	if err := checkMedia(r.Header); err != nil {
		return nil, err
	}
	if r.ContentLength > MaxBody {
		return nil, errTooLarge
	}
	if r.ContentLength == 0 {
		return nil, refuse(task.ReasonBadRequest, "the body is empty: send a task as JSON or YAML")
	}
	if rec, ok := w.(*recorder); ok {
		_ = rec.control.SetReadDeadline(time.Now().Add(bodyTimeout)) // no deadline in tests without a connection
		defer func() { _ = rec.control.SetReadDeadline(time.Time{}) }()
	}
	b, err := readUpTo(http.MaxBytesReader(w, r.Body, MaxBody), r.ContentLength)
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return nil, errTooLarge
	case err != nil:
		return nil, refuse(task.ReasonBadRequest, "the body cannot be read: "+err.Error())
	}
	return b, nil
}

// readUpTo reads r to its end. Size is how long it says it is, or -1.
func readUpTo(r io.Reader, size int64) ([]byte, error) {
	if size < 0 {
		return io.ReadAll(r)
	}
	b := make([]byte, size)
	_, err := io.ReadFull(r, b)
	return b, err
}

// checkMedia refuses a body that is not in one of mediaTypes, in UTF-8 and uncompressed.
func checkMedia(h http.Header) error {
	for _, e := range h["Content-Encoding"] {
		if e != "" && !strings.EqualFold(e, "identity") {
			return refuse(task.ReasonMediaType, fmt.Sprintf("Content-Encoding %q is not supported: send the body as it is", e))
		}
	}
	values := h["Content-Type"]
	if len(values) == 0 || len(values) == 1 && (values[0] == "" || values[0] == mediaTypes[0]) {
		return nil
	}
	if len(values) > 1 {
		return refuse(task.ReasonMediaType, "Content-Type is given more than once")
	}
	t, params, err := mime.ParseMediaType(values[0])
	if err != nil || !slices.Contains(mediaTypes, t) {
		return refuse(task.ReasonMediaType, fmt.Sprintf(
			"Content-Type %q is not supported: send application/json or application/yaml", values[0]))
	}
	if c := params["charset"]; c != "" && !strings.EqualFold(c, "utf-8") && !strings.EqualFold(c, "us-ascii") {
		return refuse(task.ReasonMediaType, fmt.Sprintf("charset %q is not supported: send UTF-8", c))
	}
	return nil
}

// maxKey bounds an idempotency key, in bytes.
const maxKey = 255

// checkKey accepts 1 to 255 bytes of printable ASCII.
func checkKey(key string) error {
	ok := len(key) > 0 && len(key) <= maxKey
	for i := 0; ok && i < len(key); i++ {
		ok = key[i] >= 0x20 && key[i] <= 0x7e
	}
	if !ok {
		return badField("Idempotency-Key", "want 1 to 255 printable ASCII characters")
	}
	return nil
}

// idempotencyKey returns the key of r, or "" where it has none.
func idempotencyKey(h http.Header) (string, error) {
	values, given := h["Idempotency-Key"]
	if !given {
		return "", nil
	}
	if len(values) > 1 {
		return "", badField("Idempotency-Key", "give it once")
	}
	return values[0], checkKey(values[0])
}

// digest returns what an idempotency key stands for: what the submitter wants, however it was
// written down.
func digest(t *task.Task) ([sha256.Size]byte, error) {
	b, err := task.EncodeJSON(t.Submission())
	return sha256.Sum256(b), err
}
