package settings

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"time"

	"github.com/soltihq/solti-host/plugins/wasm/internal/workload"
	"github.com/soltihq/solti-host/sdk"
)

// Schema is the JSON Schema of [Settings].
//
//go:embed schema.json
var Schema []byte

// Settings are the operator's decisions. The zero value is not used: see [Default].
type Settings struct {
	Modules    Modules            `json:"modules"`
	Mounts     []Mount            `json:"mounts"`
	Listeners  map[string]string  `json:"listeners"` // IP addresses with ports, by name
	Limits     Limits             `json:"limits"`
	Compile    Compile            `json:"compile"`
	Cache      workload.Size      `json:"cache"` // of native code
	Workers    Workers            `json:"workers"`
	Features   []workload.Feature `json:"features"` // that a task may ask for
	Signatures Signatures         `json:"signatures"`
}

// Modules says which modules may run.
type Modules struct {
	Unpinned bool          `json:"unpinned"` // a path without sha256, an OCI tag
	MaxSize  workload.Size `json:"maxSize"`
	Store    workload.Size `json:"store"`   // kept of those that were used
	MaxBody  workload.Size `json:"maxBody"` // of one function: compiling takes its square
}

// A Mount allows a directory, and those below it, to be mounted.
type Mount struct {
	Path string             `json:"path"`
	Mode workload.MountMode `json:"mode"` // ro or rw; rw allows both
}

// Limits are the most that a task may ask for.
type Limits struct {
	Memory workload.Size `json:"memory"`
}

// Compile bounds the compilation of one module.
type Compile struct {
	CPU    time.Duration `json:"cpu"`
	Wall   time.Duration `json:"wall"`
	Memory workload.Size `json:"memory"`
	AtOnce int           `json:"atOnce"` // modules compiled at one time; 0 means half of the processors, 1 to 4
	Queue  int           `json:"queue"`  // modules that may wait for it
}

// Workers says how many processes wait for attempts.
type Workers struct {
	Warm   int           `json:"warm"`   // for each module in use
	Idle   time.Duration `json:"idle"`   // after which one that nobody takes is ended
	Memory workload.Size `json:"memory"` // of all that wait
	AtOnce int           `json:"atOnce"` // attempts at one time; 0 means any number
}

// Signatures says whose modules may run. With a key or a file of keys, every module needs a signature.
type Signatures struct {
	Keys []string `json:"keys"` // PEM, or files of it: Ed25519 or ECDSA P-256
	Dir  string   `json:"dir"`  // where signatures lie by digest; empty means nowhere
}

// Default returns the settings of an operator who has decided nothing.
func Default() *Settings {
	return &Settings{
		Modules: Modules{MaxSize: 64 << 20, Store: 4 << 30, MaxBody: 200 << 10},
		Limits:  Limits{Memory: 1 << 30},
		Compile: Compile{CPU: 2 * time.Minute, Wall: 3 * time.Minute, Memory: 2 << 30, Queue: 1000},
		Cache:   2 << 30,
		Workers: Workers{Warm: 2, Idle: time.Minute, Memory: 512 << 20},
	}
}

// Parse reads settings. What is absent is at its default. Its errors name all fields at fault, from the
// root of the settings.
func Parse(raw json.RawMessage) (*Settings, error) {
	s := Default()
	spec := sdk.Spec{Raw: raw}
	if err := spec.Decode(s); err != nil {
		return nil, err
	}
	var v sdk.Violations
	s.check(&v)
	return s, v.Err()
}

var nameOfListener = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

func (s *Settings) check(v *sdk.Violations) {
	least := func(where string, value, least int64) {
		if value < least {
			v.Add(where, "must be at least %d", least)
		}
	}
	least("modules.maxSize", int64(s.Modules.MaxSize), 1)
	least("modules.store", int64(s.Modules.Store), int64(s.Modules.MaxSize))
	least("modules.maxBody", int64(s.Modules.MaxBody), 1)
	least("limits.memory", int64(s.Limits.Memory), 64<<10)
	least("compile.atOnce", int64(s.Compile.AtOnce), 0)
	least("compile.queue", int64(s.Compile.Queue), 1)
	least("compile.memory", int64(s.Compile.Memory), 64<<20)
	least("workers.warm", int64(s.Workers.Warm), 0)
	least("workers.atOnce", int64(s.Workers.AtOnce), 0)
	if s.Compile.CPU < time.Second || s.Compile.Wall < time.Second {
		v.Add("compile", "cpu and wall must be at least 1s")
	}
	for i := range s.Mounts {
		s.Mounts[i].check(v, fmt.Sprintf("mounts[%d]", i))
	}
	for name, address := range s.Listeners {
		if !nameOfListener.MatchString(name) {
			v.Add(fmt.Sprintf("listeners[%q]", name), "a name is lower-case letters, digits and hyphens, at most 63 of them")
		}
		if err := checkAddress(address); err != nil {
			v.Add("listeners."+name, "%v", err)
		}
	}
	for i, f := range s.Features {
		if f != workload.TailCall {
			v.Add(fmt.Sprintf("features[%d]", i), "%q is not one of %s", f, workload.TailCall)
		}
	}
	if s.Signatures.Dir != "" && !filepath.IsAbs(s.Signatures.Dir) {
		v.Add("signatures.dir", "%q must be absolute", s.Signatures.Dir)
	}
	if s.Signatures.Dir != "" && len(s.Signatures.Keys) == 0 {
		v.Add("signatures.keys", "needs at least one key where dir is given")
	}
}

func (m *Mount) check(v *sdk.Violations, at string) {
	if m.Mode == "" {
		m.Mode = workload.ReadOnly
	}
	if m.Mode != workload.ReadOnly && m.Mode != workload.ReadWrite {
		v.Add(at+".mode", "%q is not one of ro, rw", m.Mode)
	}
	if !filepath.IsAbs(m.Path) {
		v.Add(at+".path", "%q must be absolute", m.Path)
	}
	m.Path = filepath.Clean(m.Path)
}

func checkAddress(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not an address such as 127.0.0.1:8080", address)
	}
	if ip := net.ParseIP(host); ip == nil {
		return fmt.Errorf("%q must begin with an IP address, such as 127.0.0.1 or 0.0.0.0", address)
	}
	return nil
}
