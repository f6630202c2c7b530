package sdk

import (
	"os"
	"strconv"
	"strings"

	"github.com/hashicorp/go-hclog"
)

// A Launch says where the host has put the plugin. Runners that make control groups, or that keep
// state across launches, need it; others do not.
type Launch struct {
	Generation string // number of this launch; empty when not told
	Cgroup     string // cgroup v2 directory in which the plugin may make groups; empty means none
	HostID     string // random id of the host's state directory; empty when not told
}

// environ is what the host says in the environment.
type environ struct {
	launch  Launch
	level   hclog.Level
	hostPID int  // 0: any process of our user
	tls     bool // the host wants TLS instead of peer credentials
}

func readEnviron() environ {
	e := environ{
		launch: Launch{
			Generation: os.Getenv(EnvGeneration),
			Cgroup:     os.Getenv(EnvCgroup),
			HostID:     os.Getenv(EnvHostID),
		},
		level: hclog.LevelFromString(os.Getenv(EnvLogLevel)),
		tls:   os.Getenv(envClientCert) != "",
	}
	if e.level == hclog.NoLevel {
		e.level = hclog.Info
	}
	if pid, err := strconv.Atoi(os.Getenv(EnvHostPID)); err == nil && pid > 0 {
		e.hostPID = pid
	}
	return e
}

// envClientCert is how a host asks for mutual TLS, in go-plugin's way.
const envClientCert = "PLUGIN_CLIENT_CERT"

// clearEnviron removes what is between host and plugin from the environment, so that neither the
// runner nor anything it starts sees it.
func clearEnviron() {
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		if name == Handshake.MagicCookieKey ||
			strings.HasPrefix(name, "SOLTI_") || strings.HasPrefix(name, "PLUGIN_") {
			_ = os.Unsetenv(name)
		}
	}
}
