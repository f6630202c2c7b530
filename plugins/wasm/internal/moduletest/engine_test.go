package moduletest_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/experimental/sock"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"

	"github.com/soltihq/solti-host/plugins/wasm/internal/proctest"
)

const features = api.CoreFeaturesV2 | experimental.CoreFeaturesExtendedConst | experimental.CoreFeaturesTailCall |
	experimental.CoreFeaturesThreads

// A guest is a module and what it is given.
type guest struct {
	wasm          []byte
	stdin         io.Reader
	stdout        io.Writer
	args          []string
	dir           string // mounted at /, as descriptor 3
	listen        bool   // with a listener, as descriptor 3
	pages         uint32 // at most so much memory; 0 means 4 GiB
	interpreted   bool
	stderr        bytes.Buffer
	env1, env1Val string
}

// run runs the guest in this process until it ends, and returns its exit code, or why it has none.
func (g *guest) run(ctx context.Context) (code uint32, err error) {
	config := wazero.NewRuntimeConfigCompiler()
	if g.interpreted {
		config = wazero.NewRuntimeConfigInterpreter()
	}
	config = config.WithCoreFeatures(features)
	if g.pages > 0 {
		config = config.WithMemoryLimitPages(g.pages)
	}
	r := wazero.NewRuntimeWithConfig(ctx, config)
	defer func() { _ = r.Close(ctx) }()
	wasi_snapshot_preview1.MustInstantiate(ctx, r)
	compiled, err := r.CompileModule(ctx, g.wasm)
	if err != nil {
		return 0, err
	}
	module := wazero.NewModuleConfig().WithArgs(g.args...).WithSysNanosleep().WithSysNanotime().WithStdin(g.stdin).WithStdout(g.stdout).WithStderr(&g.stderr)
	if g.env1 != "" {
		module = module.WithEnv(g.env1, g.env1Val)
	}
	if g.dir != "" {
		module = module.WithFSConfig(wazero.NewFSConfig().WithReadOnlyDirMount(g.dir, "/"))
	}
	if g.listen {
		ctx = sock.WithConfig(ctx, sock.NewConfig().WithTCPListener("127.0.0.1", 0))
	}
	_, err = r.InstantiateModule(ctx, compiled, module.WithName(""))
	exit := (*sys.ExitError)(nil)
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// runHere runs a guest that ends, and returns what it wrote to stdout.
func runHere(t *testing.T, g *guest) (stdout string, code uint32, err error) {
	t.Helper()
	var out bytes.Buffer
	g.stdout = &out
	code, err = g.run(t.Context())
	return out.String(), code, err
}

// Variables that say what a guest's process has.
const (
	envListen = "SOLTI_TEST_LISTEN" // with a listener
	envDir    = "SOLTI_TEST_DIR"    // with this directory
	envData   = "SOLTI_TEST_DATA"   // so many MiB beyond what the process begins with
	envFiles  = "SOLTI_TEST_FILES"  // at most so many files
)

func TestMain(m *testing.M) { proctest.Main(m, proctest.Modes{"guest": guestMain}) }

// guestMain is a process that runs the guest in the file that it is given.
func guestMain() int {
	wasm, err := os.ReadFile(os.Args[2])
	if err != nil {
		panic(err)
	}
	if mib, _ := strconv.Atoi(os.Getenv(envData)); mib > 0 {
		limitData(uint64(mib) << 20)
	}
	if files, _ := strconv.ParseUint(os.Getenv(envFiles), 10, 64); files > 0 {
		limit(syscall.RLIMIT_NOFILE, files)
	}
	g := &guest{
		wasm: wasm, stdin: os.Stdin, stdout: os.Stdout,
		listen: os.Getenv(envListen) != "", dir: os.Getenv(envDir),
	}
	code, err := g.run(context.Background())
	if err != nil {
		_, _ = os.Stderr.WriteString(err.Error())
		return 100
	}
	return int(code)
}

// limitData allows the process so many bytes of private memory beyond what it has.
func limitData(more uint64) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmData:")
	kib, err := strconv.ParseUint(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		panic(err)
	}
	limit(syscall.RLIMIT_DATA, kib<<10+more)
}

func limit(resource int, to uint64) {
	if err := syscall.Setrlimit(resource, &syscall.Rlimit{Cur: to, Max: to}); err != nil {
		panic(err)
	}
}
