package workerbin

import (
	_ "embed" // for worker
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
)

// worker is the binary, or empty.
//
//go:embed worker
var worker string

// probeLimit is how long the binary may take to say that it runs.
const probeLimit = 10 * time.Second

// NewSpawner makes a spawner of the binary that this one has inside, or of this one if it has none or the
// system does not let it run.
func NewSpawner(threads int, log hclog.Logger) (*spawn.Spawner, error) {
	s, err := Inside(threads)
	if err == nil {
		return s, nil
	}
	if !errors.Is(err, ErrNone) {
		log.Warn("workers are started from the plugin's own binary, which takes more time and memory", "error", err)
	}
	return spawn.New(threads)
}

// ErrNone says that this build has no binary inside.
var ErrNone = errors.New("this build has no other inside")

// Inside makes a spawner of the binary that this one has inside, and tries it.
func Inside(threads int) (*spawn.Spawner, error) {
	if worker == "" {
		return nil, ErrNone
	}
	return Of(worker, threads)
}

// Of makes a spawner of the binary, and tries it.
func Of(binary string, threads int) (*spawn.Spawner, error) {
	file, err := memfile.Program("solti-wasm-worker", binary)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	s, err := spawn.NewOf(file, threads)
	if err != nil {
		return nil, err
	}
	if err := probe(s); err != nil {
		return nil, errors.Join(fmt.Errorf("try a program in memory: %w", err), s.Close())
	}
	return s, nil
}

// probe starts the binary without a mode, which ends at once.
func probe(s *spawn.Spawner) error {
	p, err := s.Start(&spawn.Command{
		Name: "solti-wasm-probe", Limits: []spawn.Limit{{Resource: unix.RLIMIT_CORE, Max: 0}},
	})
	if err != nil {
		return err
	}
	select {
	case <-p.Done():
	case <-time.After(probeLimit):
		p.Stop(probeLimit)
		return fmt.Errorf("it does not end within %s", probeLimit)
	}
	if e := p.Exit(); e.Code != 0 {
		return fmt.Errorf("%s: %s", e, e.Stderr)
	}
	return nil
}
