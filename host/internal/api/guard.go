package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/soltihq/solti-host/host/task"
)

// A guard decides whether a request may go on. It reads the header only.
type guard interface {
	check(r *http.Request) error
}

// A socketGuard lets everybody in: the listener has already asked the kernel who is there.
type socketGuard struct{}

func (socketGuard) check(*http.Request) error { return nil }

// A tokenGuard stands before TCP. Web pages can make a browser send requests to loopback, so it wants
// a Host that is ours (a rebound name is not), no foreign origin, and the token on every method.
type tokenGuard struct {
	hosts   map[string]bool // what a Host header may be, in lower case
	digest  [sha256.Size]byte
	origins *http.CrossOriginProtection
}

// newTokenGuard returns the guard of a listener at addr.
func newTokenGuard(addr netip.AddrPort, token string) *tokenGuard {
	g := &tokenGuard{
		hosts:   make(map[string]bool),
		digest:  sha256.Sum256([]byte(token)),
		origins: http.NewCrossOriginProtection(),
	}
	_, port, _ := net.SplitHostPort(addr.String())
	for _, host := range []string{"localhost", "127.0.0.1", "::1", addr.Addr().String()} {
		g.hosts[net.JoinHostPort(host, port)] = true
	}
	return g
}

var (
	errHost         = refuse(task.ReasonMisdirected, "the Host header does not name this host: use localhost, 127.0.0.1 or [::1] with its port")
	errOrigin       = refuse(task.ReasonForbidden, "requests on behalf of other web sites are refused")
	errNoCredential = refuse(task.ReasonUnauthorized, "a bearer token is needed: the host keeps it in endpoint.json of its state directory")
)

func (g *tokenGuard) check(r *http.Request) error {
	if !g.hosts[strings.ToLower(r.Host)] {
		return errHost
	}
	if g.foreign(r) {
		return errOrigin
	}
	if !g.holdsToken(r) {
		return errNoCredential
	}
	return nil
}

// foreign reports whether a browser sent r for a page that is not ours. http.CrossOriginProtection
// covers methods that change something; reading is refused as well.
func (g *tokenGuard) foreign(r *http.Request) bool {
	if g.origins.Check(r) != nil {
		return true
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return true
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || !strings.EqualFold(u.Host, r.Host)
}

// holdsToken compares digests, so that neither the token's length nor its start shows in time.
func (g *tokenGuard) holdsToken(r *http.Request) bool {
	values := r.Header["Authorization"]
	if len(values) != 1 {
		return false
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return false
	}
	given := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(given[:], g.digest[:]) == 1
}
