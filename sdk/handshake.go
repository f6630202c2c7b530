package sdk

import "github.com/hashicorp/go-plugin"

// Handshake is what tells a runner plugin from other programs. It protects nobody from anything: it
// makes a plugin that is started by hand say so.
var Handshake = plugin.HandshakeConfig{
	MagicCookieKey:   "SOLTI_RUNNER_PLUGIN",
	MagicCookieValue: "b7c1f1de-3f0a-4c0e-9d55-6a0f8a2f4b1e",
}

// ProtocolVersion is the major version of the contract, solti.plugin.v1.
const ProtocolVersion = 1

// ProtocolMinor is the level of the contract that this SDK speaks.
const ProtocolMinor = 0

// PluginName is the key under which the service is registered with go-plugin.
const PluginName = "runner"

// MaxMessage bounds a message in both directions, in bytes: 4 MiB for what people wrote, and room
// for what surrounds it.
const MaxMessage = 4<<20 + 64<<10

// MaxChunk bounds the data of one output frame, in bytes.
const MaxChunk = 32 << 10

// Environment variables that the host gives to a plugin beside those of go-plugin. The SDK removes
// them, and go-plugin's, before the runner sees the environment.
const (
	EnvLogLevel   = "SOLTI_LOG_LEVEL"  // trace, debug, info, warn or error
	EnvGeneration = "SOLTI_GENERATION" // number of this launch
	EnvHostPID    = "SOLTI_HOST_PID"   // the only process that may connect
	EnvCgroup     = "SOLTI_CGROUP"     // cgroup v2 directory in which the plugin may make groups; absent means none
	EnvHostID     = "SOLTI_HOST_ID"    // random id of the host's state directory
)

// FilePrefix begins the file name of every runner plugin.
const FilePrefix = "solti-runner-"
