package client

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/soltihq/solti-host/host/task"
)

// Options say where the host is. One of StateDir, Socket and Endpoint must be set; the most specific
// one counts: Endpoint, then Socket, then StateDir.
type Options struct {
	StateDir string // the host's state directory
	Socket   string // path of its Unix socket
	Endpoint string // such as http://127.0.0.1:7390; needs Token
	Token    string // bearer token for Endpoint
}

// A Client talks to one host.
type Client struct {
	routes []route // where to try, in order

	// How Wait and Output behave between connections.
	pauseMin, pauseMax time.Duration // wait before connecting anew
	silence            time.Duration // an output stream without a byte for so long is broken
}

// New returns a client for the host that o names. It does not connect: the host may start later.
func New(o Options) (*Client, error) {
	c := &Client{pauseMin: 50 * time.Millisecond, pauseMax: 2 * time.Second, silence: 45 * time.Second}
	switch {
	case o.Endpoint != "":
		r, err := newTCPRoute(o.Endpoint, o.Token)
		if err != nil {
			return nil, err
		}
		c.routes = []route{r}
	case o.Socket != "":
		c.routes = []route{newSocketRoute(o.Socket, "--socket "+o.Socket)}
	case o.StateDir != "":
		c.routes = stateDirRoutes(o.StateDir)
	default:
		return nil, errors.New("where is the host? give its state directory, its socket or its endpoint")
	}
	return c, nil
}

// Close drops connections that are not in use.
func (c *Client) Close() {
	for _, r := range c.routes {
		r.http.CloseIdleConnections()
	}
}

// Ready asks whether the host takes submissions. A host that does not yet is no error.
func (c *Client) Ready(ctx context.Context) (*task.Readiness, error) {
	r := new(task.Readiness)
	req := request{method: http.MethodGet, path: "/readyz", also: http.StatusServiceUnavailable}
	return r, c.call(ctx, req, r)
}

// Version returns which program the host is.
func (c *Client) Version(ctx context.Context) (*task.BuildInfo, error) {
	b := new(task.BuildInfo)
	return b, c.call(ctx, request{method: http.MethodGet, path: prefix + "/version"}, b)
}

// Plugins returns all plugins the host knows of, in the order of registration.
func (c *Client) Plugins(ctx context.Context) ([]task.Plugin, error) {
	var l task.PluginList
	err := c.call(ctx, request{method: http.MethodGet, path: prefix + "/plugins"}, &l)
	return l.Items, err
}

// Plugin returns one plugin.
func (c *Client) Plugin(ctx context.Context, name string) (*task.Plugin, error) {
	p := new(task.Plugin)
	return p, c.call(ctx, request{method: http.MethodGet, path: prefix + "/plugins/" + escape(name)}, p)
}

// Explain returns who would run t, and why the others would not. Nothing is stored.
func (c *Client) Explain(ctx context.Context, t *task.Task) (*task.Explanation, error) {
	e := new(task.Explanation)
	return e, c.callWith(ctx, request{method: http.MethodPost, path: prefix + "/explain"}, t, e)
}
