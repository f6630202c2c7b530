package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// A route is one way to the host.
type route struct {
	http *http.Transport
	base func() (base, token string, err error) // asked before every request
	hint string                                 // what to do when nobody answers
}

// maxIdle bounds the connections kept for reuse; more than that many callers at once connect anew.
const maxIdle = 256

// maxAnswer bounds an answer that is read as a whole, in bytes: a page of tasks at their largest.
const maxAnswer = 64 << 20

// A dialError says that no connection came about. A request with an idempotency key may have been sent
// before all the same: net/http repeats it by itself when a connection breaks.
type dialError struct{ err error }

func (e *dialError) Error() string { return e.err.Error() }
func (e *dialError) Unwrap() error { return e.err }

func newTransport(dial func(ctx context.Context, network, addr string) (net.Conn, error)) *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			if err != nil {
				return nil, &dialError{err}
			}
			return conn, nil
		},
		DisableCompression:  true,
		MaxIdleConns:        maxIdle,
		MaxIdleConnsPerHost: maxIdle,
		IdleConnTimeout:     50 * time.Second, // shorter than the host's
	}
}

func newSocketRoute(path, hint string) route {
	var d net.Dialer
	return route{
		http: newTransport(func(ctx context.Context, _, _ string) (net.Conn, error) {
			return d.DialContext(ctx, "unix", path)
		}),
		base: func() (string, string, error) { return "http://localhost", "", nil },
		hint: hint,
	}
}

func newTCPRoute(endpoint, token string) (route, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return route{}, fmt.Errorf("endpoint %q: want a URL such as http://127.0.0.1:7390", endpoint)
	}
	if token == "" {
		return route{}, fmt.Errorf("endpoint %s: it needs a token; the host writes one to %s in its state directory",
			endpoint, task.EndpointFile)
	}
	d := net.Dialer{Timeout: 10 * time.Second}
	base := strings.TrimSuffix(u.Scheme+"://"+u.Host+u.Path, "/")
	return route{
		http: newTransport(d.DialContext),
		base: func() (string, string, error) { return base, token, nil },
		hint: "--endpoint " + base,
	}, nil
}

// stateDirRoutes are the ways to the host of a state directory: its socket, then its address.
func stateDirRoutes(dir string) []route {
	hint := "--state-dir " + dir
	d := net.Dialer{Timeout: 10 * time.Second}
	return []route{
		newSocketRoute(filepath.Join(dir, task.SocketFile), hint),
		{
			http: newTransport(d.DialContext),
			base: func() (string, string, error) { return readEndpoint(filepath.Join(dir, task.EndpointFile)) },
			hint: hint,
		},
	}
}

func readEndpoint(path string) (base, token string, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", "", &dialError{err}
	}
	var e task.Endpoint
	if err := json.Unmarshal(b, &e); err != nil {
		return "", "", fmt.Errorf("%s: %w", path, err)
	}
	if e.Address == "" || e.Token == "" {
		return "", "", &dialError{fmt.Errorf("%s: no address in it", path)}
	}
	return "http://" + e.Address, e.Token, nil
}

// A request is one call of the API.
type request struct {
	method string
	path   string // escaped
	query  url.Values
	body   []byte       // JSON; nil means none
	key    string       // Idempotency-Key
	accept string       // other than JSON
	lastID string       // Last-Event-ID
	also   int          // a status that counts as success beside 2xx
	code   *int         // where to put the status
	header *http.Header // where to put the answer's header
}

// callWith sends body as JSON and reads the answer into out.
func (c *Client) callWith(ctx context.Context, r request, body, out any) error {
	b, err := task.EncodeJSON(body)
	if err != nil {
		return fmt.Errorf("write the request: %w", err)
	}
	r.body = b
	return c.call(ctx, r, out)
}

// call sends r and reads the answer into out, unless that is nil.
func (c *Client) call(ctx context.Context, r request, out any) error {
	resp, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("read the host's answer: %w", err)
	}
	if len(b) > maxAnswer {
		return fmt.Errorf("the host's answer is longer than %d bytes", maxAnswer)
	}
	if r.code != nil {
		*r.code = resp.StatusCode
	}
	if r.header != nil {
		*r.header = resp.Header
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("read the host's answer: %w", err)
	}
	return nil
}

// send returns the host's answer if it is a success. The caller closes its body.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	resp, err := c.connect(ctx, r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 300 || resp.StatusCode == r.also {
		return resp, nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	var s task.APIStatus
	if err != nil || json.Unmarshal(b, &s) != nil || s.Kind != task.KindStatus {
		s = task.APIStatus{Message: fmt.Sprintf("unexpected answer %s: is this a solti host?", resp.Status)}
	}
	return nil, statusError(resp.StatusCode, &s)
}

// connect tries the routes in order until one has a host at its end.
func (c *Client) connect(ctx context.Context, r request) (*http.Response, error) {
	var first error
	for _, route := range c.routes {
		resp, err := route.roundTrip(ctx, r)
		if err == nil {
			return resp, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		var d *dialError
		if !errors.As(err, &d) {
			return nil, fmt.Errorf("%s %s: %w", r.method, r.path, err)
		}
		if first == nil {
			first = d.err
		}
	}
	return nil, c.noHost(first)
}

// noHost says what to do when nobody answers.
func (c *Client) noHost(err error) error {
	hint := c.routes[0].hint
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("connect with %s: %w: only the user that runs the host, and root, may use its socket", hint, err)
	}
	return fmt.Errorf("%w (%s): start one with \"solti-host serve\": %w", ErrNoHost, hint, err)
}

func (rt route) roundTrip(ctx context.Context, r request) (*http.Response, error) {
	base, token, err := rt.base()
	if err != nil {
		return nil, err
	}
	u := base + r.path
	if len(r.query) > 0 {
		u += "?" + r.query.Encode()
	}
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, u, body)
	if err != nil {
		return nil, err
	}
	r.setHeader(req.Header, token)
	return rt.http.RoundTrip(req)
}

func (r request) setHeader(h http.Header, token string) {
	h.Set("User-Agent", "solti-client")
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	if r.body != nil {
		h.Set("Content-Type", "application/json")
	}
	if r.key != "" {
		h.Set("Idempotency-Key", r.key)
	}
	if r.accept != "" {
		h.Set("Accept", r.accept)
	}
	if r.lastID != "" {
		h.Set("Last-Event-ID", r.lastID)
	}
}
