package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/soltihq/solti-host/host/task"
)

// do sends a request over TCP. Host overrides the header's host where it is not empty.
func (b *bundle) do(t *testing.T, method, path, host string, header map[string]string) (answer, task.APIStatus) {
	t.Helper()
	tr := &http.Transport{DisableKeepAlives: true}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+b.tcp+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	for k, v := range header {
		req.Header.Set(k, v)
	}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var s task.APIStatus
	_ = json.Unmarshal(body, &s) // not every answer is one
	return answer{resp.StatusCode, resp.Header, resp.Trailer}, s
}

func TestEveryRouteButLivenessNeedsTheToken(t *testing.T) {
	b := setup(t)
	for _, route := range Routes() {
		path := strings.ReplaceAll(route.Path, "{name}", "x")
		for _, header := range []map[string]string{
			nil,
			{"Authorization": "Bearer "},
			{"Authorization": "Bearer wrong"},
			{"Authorization": "Basic " + b.token},
			{"Authorization": b.token},
			{"Authorization": "Bearer " + b.token[1:]},
			{"Authorization": "Bearer " + b.token + "x"},
		} {
			resp, s := b.do(t, route.Method, path, "", header)
			switch {
			case route.Open && resp.StatusCode != http.StatusOK:
				t.Errorf("%s %s with %v: %d, want 200", route.Method, path, header, resp.StatusCode)
			case !route.Open && (resp.StatusCode != http.StatusUnauthorized || s.Reason != task.ReasonUnauthorized):
				t.Errorf("%s %s with %v: %d %s, want 401", route.Method, path, header, resp.StatusCode, s.Reason)
			case !route.Open && resp.Header.Get("WWW-Authenticate") == "":
				t.Errorf("%s %s: no WWW-Authenticate", route.Method, path)
			}
		}
	}
}

func TestOnlyLivenessIsOpen(t *testing.T) {
	for _, r := range Routes() {
		if r.Open != (r.Path == "/livez") {
			t.Errorf("%s %s: open is %v", r.Method, r.Path, r.Open)
		}
	}
}

func TestUnknownPathsNeedTheTokenToo(t *testing.T) {
	b := setup(t)
	for _, path := range []string{"/", "/nope", "//livez", "/livez/", "/../livez", "/apis//x", Prefix + "/tasks/%2e%2e"} {
		if resp, _ := b.do(t, http.MethodGet, path, "", nil); resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s without a token: %d, want 401", path, resp.StatusCode)
		}
		resp, s := b.do(t, http.MethodGet, path, "", b.bearer())
		if resp.StatusCode != http.StatusNotFound || s.Reason != task.ReasonNotFound {
			t.Errorf("%s with the token: %d %s, want 404", path, resp.StatusCode, s.Reason)
		}
	}
}

// What net/http would answer by itself also passes the guard.
func TestGeneralOptionsNeedTheTokenToo(t *testing.T) {
	b := setup(t)
	for token, want := range map[string]string{"": "HTTP/1.1 401 ", "Authorization: Bearer " + b.token + "\r\n": "HTTP/1.1 404 "} {
		conn, err := net.Dial("tcp", b.tcp)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprintf(conn, "OPTIONS * HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n", b.tcp, token)
		if answer, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(answer), want) {
			t.Errorf("%q, %v; want %s", answer, err, want)
		}
	}
}

func (b *bundle) bearer(more ...string) map[string]string {
	h := map[string]string{"Authorization": "Bearer " + b.token}
	for i := 0; i+1 < len(more); i += 2 {
		h[more[i]] = more[i+1]
	}
	return h
}

func TestForeignHostsAndOriginsAreRefused(t *testing.T) {
	b := setup(t)
	_, port, _ := net.SplitHostPort(b.tcp)
	tests := []struct {
		name   string
		host   string
		header map[string]string
		want   int
	}{
		{"own address", b.tcp, b.bearer(), 200},
		{"localhost", "localhost:" + port, b.bearer(), 200},
		{"localhost in capitals", "LOCALHOST:" + port, b.bearer(), 200},
		{"IPv6 loopback", "[::1]:" + port, b.bearer(), 200},
		{"rebound name", "evil.example:" + port, b.bearer(), 421},
		{"rebound name without port", "evil.example", b.bearer(), 421},
		{"own name without port", "127.0.0.1", b.bearer(), 421},
		{"own name with another port", "127.0.0.1:1", b.bearer(), 421},
		{"name with a dot", "localhost.:" + port, b.bearer(), 421},
		{"own origin", b.tcp, b.bearer("Origin", "http://"+b.tcp), 200},
		{"foreign origin", b.tcp, b.bearer("Origin", "http://evil.example"), 403},
		{"origin of a sandbox", b.tcp, b.bearer("Origin", "null"), 403},
		{"another port's origin", b.tcp, b.bearer("Origin", "http://127.0.0.1:1"), 403},
		{"cross-site", b.tcp, b.bearer("Sec-Fetch-Site", "cross-site"), 403},
		{"same-site", b.tcp, b.bearer("Sec-Fetch-Site", "same-site"), 403},
		{"same-origin", b.tcp, b.bearer("Sec-Fetch-Site", "same-origin"), 200},
		{"typed by the user", b.tcp, b.bearer("Sec-Fetch-Site", "none"), 200},
	}
	for _, tt := range tests {
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			want := tt.want
			if want == 200 && method == http.MethodDelete {
				want = http.StatusMethodNotAllowed // past the guard
			}
			resp, _ := b.do(t, method, Prefix+"/version", tt.host, tt.header)
			if resp.StatusCode != want {
				t.Errorf("%s, %s: %d, want %d", tt.name, method, resp.StatusCode, want)
			}
			if resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s: headers %v", tt.name, resp.Header)
			}
		}
	}
}

func TestLivenessRefusesReboundNames(t *testing.T) {
	b := setup(t)
	if resp, _ := b.do(t, http.MethodGet, "/livez", "evil.example", nil); resp.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("got %d, want 421", resp.StatusCode)
	}
}

func TestOnlyLoopbackIsServed(t *testing.T) {
	s := New(Backend{}, Options{})
	for _, address := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0", "example.com:0", "127.0.0.1", ""} {
		if addr, err := s.ServeTCP(address, t.TempDir()+"/endpoint.json"); err == nil {
			t.Errorf("%q: listens on %v, want an error", address, addr)
		}
	}
}

func TestEndpointFile(t *testing.T) {
	dir := t.TempDir()
	file := dir + "/endpoint.json"
	old := syscall.Umask(0)
	defer syscall.Umask(old)
	token, err := publishEndpoint(file, "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	if len(token) != 43 {
		t.Errorf("token %q: want 32 bytes in base64", token)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v: want 0600", info.Mode(), err)
	}
	if again, err := publishEndpoint(file, "127.0.0.1:2"); err != nil || again != token {
		t.Errorf("second start: token %q, %v: want the same", again, err)
	}
	if e, err := readEndpoint(file); err != nil || e.Address != "127.0.0.1:2" {
		t.Errorf("got %v, %v: want the second address", e.Address, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	for name, content := range map[string]string{
		"weak token": `{"address": "", "token": "secret"}`, "no JSON": `token`,
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := publishEndpoint(file, "127.0.0.1:3"); err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := publishEndpoint(file, "127.0.0.1:3"); err == nil || !strings.Contains(err.Error(), "others can read") {
		t.Errorf("a readable file: %v, want it refused", err)
	}
}

func TestShutdownWithdrawsTheAddressAndKeepsTheToken(t *testing.T) {
	b := setup(t)
	b.shutdown(t)
	e, err := readEndpoint(b.dir + "/endpoint.json")
	if err != nil || e.Address != "" || e.Token != b.token {
		t.Errorf("got %+v, %v: want no address and the same token", e, err)
	}
	if _, err := os.Lstat(b.socket); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestStaleSocketIsReplacedAndALiveOneIsNot(t *testing.T) {
	b := setup(t)
	if err := New(Backend{}, Options{}).ServeUnix(b.socket); err == nil || !strings.Contains(err.Error(), "another host answers") {
		t.Errorf("on a live socket: %v, want it refused", err)
	}
	path := t.TempDir() + "/s"
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	other := &bundle{server: New(Backend{}, Options{})}
	defer other.shutdown(t)
	if err := other.server.ServeUnix(path); err != nil {
		t.Errorf("on a stale socket: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v: want 0600", info.Mode(), err)
	}
}

func TestSocketPathsAreCheckedEarly(t *testing.T) {
	s := New(Backend{}, Options{})
	long := "/" + strings.Repeat("x", 200)
	if err := s.ServeUnix(long); err == nil || !strings.Contains(err.Error(), "choose a shorter state directory") {
		t.Errorf("a long path: %v", err)
	}
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.ServeUnix(file); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Errorf("a file: %v", err)
	}
}

// Exit codes of dialAsStranger.
const (
	strangerRefused = 10
	strangerServed  = 11
	strangerFailed  = 12
)

// dialAsStranger is the test binary run as another user.
func dialAsStranger(path string) int {
	conn, err := net.Dial("unix", path)
	if err != nil {
		fmt.Println(err)
		return strangerFailed
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
	answer, _ := io.ReadAll(io.LimitReader(conn, 8)) // a reset counts as no answer
	if len(answer) == 0 {
		return strangerRefused
	}
	return strangerServed
}

func TestOtherUsersAreTurnedAway(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	b := setup(t)
	// Whatever the file modes allow: the kernel's word counts.
	for _, path := range []string{b.socket, b.dir, b.dir + "/.."} {
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	exe := b.dir + "/stranger"
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(self)
	if err == nil {
		err = os.WriteFile(exe, binary, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	for uid, want := range map[uint32]int{65534: strangerRefused, 0: strangerServed} {
		cmd := exec.CommandContext(t.Context(), exe)
		cmd.Env = []string{"API_TEST_DIAL=" + b.socket}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("uid %d: exit %d, want %d: %s", uid, got, want, out)
		}
	}
}
