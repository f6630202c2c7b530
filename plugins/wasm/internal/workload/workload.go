package workload

import (
	_ "embed"
	"encoding/base64"
	"time"

	"github.com/soltihq/solti-host/sdk"
)

// Kind of the workload.
const (
	APIVersion = "solti.io/v1"
	Kind       = "Wasm"
)

// Schema is the JSON Schema of a [Workload].
//
//go:embed schema.json
var Schema []byte

// A Workload says what an attempt runs, and with what. Read it with [Parse]; absent fields are then at
// their defaults.
type Workload struct {
	Module Module            `json:"module"`
	Args   []string          `json:"args"`
	Env    map[string]string `json:"env"`

	Stdin       *string `json:"stdin"`       // text
	StdinBase64 *string `json:"stdinBase64"` // any bytes

	Mounts    []Mount  `json:"mounts"`
	Listeners []string `json:"listeners"` // names that the operator has defined
	Limits    Limits   `json:"limits"`

	EntryPoint string    `json:"entryPoint"`
	Clock      Clock     `json:"clock"`
	Random     Random    `json:"random"`
	Seed       string    `json:"seed"` // of Seeded
	Isolation  Isolation `json:"isolation"`
	Start      Start     `json:"start"`
	Debug      Debug     `json:"debug"`
	Normalize  *bool     `json:"normalize"`
	Features   []Feature `json:"features"`
}

// A Module says where the module is. Exactly one of Path, Digest, OCI and Inline is given.
type Module struct {
	Path   string `json:"path"`   // absolute
	SHA256 string `json:"sha256"` // of the file at Path; 64 hex digits
	Digest string `json:"digest"` // sha256:..., of a module that the runner has already
	OCI    *OCI   `json:"oci"`
	Inline string `json:"inline"` // base64

	Signature string `json:"signature"` // base64, detached, over the digest
}

// An OCI names a module in an image layout.
type OCI struct {
	Layout    string `json:"layout"`    // a directory or an archive, absolute
	Reference string `json:"reference"` // a tag or a digest; empty means the only one
}

// A Mount is a directory that the guest sees.
type Mount struct {
	Host  string    `json:"host"`  // absolute
	Guest string    `json:"guest"` // absolute; empty means the same as Host
	Mode  MountMode `json:"mode"`
	Quota Size      `json:"quota"` // bytes that an attempt may add; 0 means no limit
	Links bool      `json:"links"` // the guest may make symbolic and hard links
}

// Limits bound an attempt. Its wall time is the task's timeout.
type Limits struct {
	Memory    Size          `json:"memory"`    // of the guest's linear memory
	CPU       time.Duration `json:"cpu"`       // processor time; 0 means no limit
	OpenFiles int           `json:"openFiles"` // that the guest holds at one time
	Output    Output        `json:"output"`
}

// Output bounds each stream of an attempt.
type Output struct {
	Bytes Size `json:"bytes"` // in all
	Rate  Size `json:"rate"`  // a second; 0 means no limit
	Over  Over `json:"over"`
}

// Defaults.
const (
	DefaultMemory    Size = 256 << 20
	DefaultOutput    Size = 64 << 20
	DefaultOpenFiles      = 64
	DefaultEntry          = "_start"
)

// MaxMemory is what a guest can address.
const MaxMemory Size = 4 << 30

// The words of a Workload.
type (
	Clock     string
	Random    string
	Isolation string
	Start     string
	Debug     string
	Feature   string
	MountMode string
	Over      string
)

// Values of the words; the first of each is the default.
const (
	RealClock   Clock = "real"
	CoarseClock Clock = "coarse" // to the millisecond
	NoClock     Clock = "none"   // goes on by a fixed step at every reading

	SystemRandom Random = "system"
	Seeded       Random = "seeded" // the same numbers for the same seed

	Process Isolation = "process" // a fresh process for every attempt
	Reuse   Isolation = "reuse"   // attempts of the task share one, with an instance each

	Compiled Start = "compiled"
	Fast     Start = "fast" // interpreted until it is compiled

	NoDebug Debug = "none"
	Lines   Debug = "lines" // files and lines in traps

	TailCall Feature = "tailCall"

	ReadOnly  MountMode = "ro"
	ReadWrite MountMode = "rw"

	Block Over = "block" // the guest waits
	Drop  Over = "drop"
	Kill  Over = "kill"
)

// Parse reads and checks a task's workload. Its errors name all fields at fault.
func Parse(spec *sdk.Spec) (*Workload, error) {
	w := new(Workload)
	if err := spec.Decode(w); err != nil {
		return nil, err
	}
	w.fill()
	var v sdk.Violations
	w.check(&v)
	if err := v.Err(); err != nil {
		return nil, err
	}
	return w, nil
}

// fill puts in the defaults.
func (w *Workload) fill() {
	put(&w.Limits.Memory, DefaultMemory)
	put(&w.Limits.OpenFiles, DefaultOpenFiles)
	put(&w.Limits.Output.Bytes, DefaultOutput)
	put(&w.Limits.Output.Over, Block)
	put(&w.EntryPoint, DefaultEntry)
	put(&w.Clock, RealClock)
	put(&w.Random, SystemRandom)
	put(&w.Isolation, Process)
	put(&w.Start, Compiled)
	put(&w.Debug, NoDebug)
	for i := range w.Mounts {
		put(&w.Mounts[i].Guest, w.Mounts[i].Host)
		put(&w.Mounts[i].Mode, ReadOnly)
	}
}

func put[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Input returns what the guest reads from its standard input.
func (w *Workload) Input() []byte {
	switch {
	case w.Stdin != nil:
		return []byte(*w.Stdin)
	case w.StdinBase64 != nil:
		b, _ := base64.StdEncoding.DecodeString(*w.StdinBase64) // checked by Parse
		return b
	}
	return nil
}

// Normalized reports whether the module may be rewritten to start faster.
func (w *Workload) Normalized() bool { return w.Normalize == nil || *w.Normalize }
