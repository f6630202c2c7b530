package api

import (
	"net/http"
	"strconv"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// otherPath stands for all paths without a route, in what an Observer sees.
const otherPath = "other"

// Transports, as an Observer sees them.
const (
	transportHTTP = "http"
	transportGRPC = "grpc"
)

// A recorder remembers what was answered. It belongs to one request.
type recorder struct {
	http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration // for the client to take what is written at once
	path     string        // the route's pattern
	status   int           // 0 until the header is written
	abort    bool          // the connection is to be cut, because the answer cannot be finished
}

// WriteHeader remembers the status.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write remembers the implied status.
func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	return r.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController find the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// request returns what an Observer is told.
func (r *recorder) request(req *http.Request, d time.Duration) Request {
	status := r.status
	if status == 0 {
		status = http.StatusOK
	}
	return Request{
		Transport: transportHTTP, Method: knownMethod(req.Method), Path: r.path,
		Status: strconv.Itoa(status), Duration: d,
	}
}

func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete:
		return m
	}
	return "other"
}

// Values of headers that are the same in every answer; shared, never changed.
var (
	valueNoSniff = []string{"nosniff"}
	valueNoStore = []string{"no-store"}
	valueCSP     = []string{"default-src 'none'; frame-ancestors 'none'"}
	valueJSON    = []string{"application/json"}
)

func setBaseHeader(h http.Header) {
	h["X-Content-Type-Options"] = valueNoSniff
	h["Cache-Control"] = valueNoStore
	h["Content-Security-Policy"] = valueCSP
}

// extend gives the client the time it has to take the next piece of an answer.
func extend(w http.ResponseWriter) {
	if r, ok := w.(*recorder); ok {
		_ = r.control.SetWriteDeadline(time.Now().Add(r.patience)) // no deadline in tests without a connection
	}
}

// respond answers with v as JSON.
func respond(w http.ResponseWriter, status int, v any) error {
	body, err := task.EncodeJSON(v)
	if err != nil {
		return err
	}
	respondBytes(w, status, append(body, '\n'))
	return nil
}

// respondBytes answers with a body of JSON.
func respondBytes(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = valueJSON
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	extend(w)
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone cannot be told
}

// respondDone answers that something is gone.
func respondDone(w http.ResponseWriter, message string) error {
	return respond(w, http.StatusOK, task.APIStatus{
		APIVersion: task.APIVersion, Kind: task.KindStatus, Status: task.StatusSuccess,
		Code: http.StatusOK, Message: message,
	})
}

// fail answers with err.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, hidden := statusOf(err)
	if hidden {
		s.log.Error("a request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	if rec, ok := w.(*recorder); ok && rec.status != 0 {
		rec.abort = true // too late to say it
		return
	}
	h := w.Header()
	if status.Code == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="solti"`)
	}
	if status.Code == http.StatusRequestEntityTooLarge {
		h.Set("Connection", "close") // the rest of the body is not worth reading
	}
	if status.Details != nil && status.Details.RetryAfterSeconds > 0 {
		h.Set("Retry-After", strconv.Itoa(status.Details.RetryAfterSeconds))
	}
	if err := respond(w, status.Code, status); err != nil {
		s.log.Error("a failure cannot be written", "error", err)
	}
}
