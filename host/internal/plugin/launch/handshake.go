package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/soltihq/solti-host/sdk"
)

// maxHandshake bounds the first line of a plugin, in bytes.
const maxHandshake = 4 << 10

// ErrHandshake is wrapped by every error that says what is wrong with a plugin's first line.
var ErrHandshake = errors.New("bad handshake")

// parseHandshake reads a plugin's first line,
//
//	core version|protocol version|network|address|protocol|certificate|...
//
// and returns the path of its socket, which must lie in dir. Fields after the sixth are ignored.
func parseHandshake(line, dir string) (string, error) {
	bad := func(format string, args ...any) (string, error) {
		return "", fmt.Errorf("%w: "+format, append([]any{ErrHandshake}, args...)...)
	}
	line = strings.TrimSpace(line)
	parts := strings.Split(line, "|")
	if len(parts) < 5 {
		return bad("the first line on standard output is %q, not that of a plugin", escape(line, 200))
	}
	if n, err := strconv.Atoi(parts[0]); err != nil || n != goplugin.CoreProtocolVersion {
		return bad("the plugin speaks go-plugin's core protocol %q, the host %d: rebuild it with a current go-plugin",
			escape(parts[0], 20), goplugin.CoreProtocolVersion)
	}
	if n, err := strconv.Atoi(parts[1]); err != nil || n != sdk.ProtocolVersion {
		return bad("the plugin speaks version %q of the runner contract, the host version %d: install a matching build",
			escape(parts[1], 20), sdk.ProtocolVersion)
	}
	if parts[4] != string(goplugin.ProtocolGRPC) {
		return bad("the plugin speaks %q, the host only gRPC", escape(parts[4], 20))
	}
	if len(parts) > 5 && parts[5] != "" {
		return bad("the plugin sent a certificate, but the host did not ask for TLS")
	}
	if parts[2] != "unix" {
		return bad("the plugin listens on %q %q, the host dials only Unix sockets in %s",
			escape(parts[2], 20), escape(parts[3], 100), dir)
	}
	if err := checkSocket(parts[3], dir); err != nil {
		return bad("%w", err)
	}
	return parts[3], nil
}

// checkSocket checks that path is a socket which lies in dir itself.
func checkSocket(path, dir string) error {
	shown := escape(path, 200)
	switch {
	case len(path) > MaxSocketPath:
		return fmt.Errorf("the socket's path has %d bytes, at most %d are possible: %s", len(path), MaxSocketPath, shown)
	case strings.ContainsRune(path, 0) || !filepath.IsAbs(path) || filepath.Clean(path) != path || filepath.Dir(path) != dir:
		return fmt.Errorf("the plugin listens on %s, which is not in %s", shown, dir)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("the plugin's socket: %w", err)
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is not a socket (%s)", shown, info.Mode().Type())
	}
	return nil
}
