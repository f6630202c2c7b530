package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
	"github.com/soltihq/solti-host/plugins/wasm/internal/workload"
	"github.com/soltihq/solti-host/sdk/sdktest"
)

// TestConformance holds the built plugin to what is asked of every runner. No worker waits in advance: the
// suite wants to see every process gone with the attempt during which it came.
func TestConformance(t *testing.T) {
	lines := strings.Repeat(strings.Repeat("x", 63)+"\n", 1<<10)
	sdktest.Run(t, sdktest.Config{
		Binary:   build(t),
		Env:      []string{"TMPDIR=" + t.TempDir()}, // plugins that are killed leave what is there
		Settings: json.RawMessage(`{"workers": {"warm": 0}}`),
		OK:       wasm(moduletest.Hello("ok\n")),
		Fail:     wasm(moduletest.Exit(7, "", "no\n")),
		ExitCode: 7,
		Missing: &sdktest.Workload{
			APIVersion: workload.APIVersion, Kind: workload.Kind,
			Spec: fmt.Sprintf(`{"module": {"path": "/no/such/module.wasm", "sha256": %q}}`, strings.Repeat("0", 64)),
		},
		Invalid:  &sdktest.Workload{APIVersion: workload.APIVersion, Kind: workload.Kind, Spec: `{"module": {}}`},
		Forever:  wasm(moduletest.Loop()),
		Spawns:   wasm(moduletest.Sleep()),
		PrintEnv: wasm(printEnvironment()),
		Outputs: []sdktest.Output{
			{Name: "stdout", Workload: *wasm(moduletest.Exit(0, "a\x00b\xff", "")), Stdout: []byte("a\x00b\xff")},
			{Name: "stderr", Workload: *wasm(moduletest.Exit(0, "", "err\n")), Stderr: []byte("err\n")},
			{Name: "both", Workload: *wasm(moduletest.Exit(0, "out\n", "err\n")), Stdout: []byte("out\n"), Stderr: []byte("err\n")},
		},
		Flood: &sdktest.Output{
			Name: "flood", Workload: *wasm(repeat(lines, 64)), Stdout: bytes.Repeat([]byte(lines), 64),
		},
	})
}

// wasm makes a workload of a module.
func wasm(module []byte) *sdktest.Workload {
	return &sdktest.Workload{
		APIVersion: workload.APIVersion, Kind: workload.Kind,
		Spec: fmt.Sprintf(`{"module": {"inline": %q}}`, base64.StdEncoding.EncodeToString(module)),
	}
}

func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "solti-runner-wasm")
	cmd := exec.Command("go", "build", "-o", binary, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the plugin: %v\n%s", err, out)
	}
	return binary
}

// repeat is a program that writes a text n times.
func repeat(text string, n int32) []byte {
	p := moduletest.NewProgram(1+uint64(len(text)+1024)>>16+1, "fd_write")
	count := moduletest.LocalGet(0) + moduletest.I32Const(1) + moduletest.I32Sub + moduletest.LocalTee(0)
	return p.Main([]moduletest.Type{moduletest.I32}, moduletest.I32Const(n)+moduletest.LocalSet(0)+
		moduletest.Again(p.Say(1, text)+count+moduletest.BrIf(0)))
}

// printEnvironment is a program that prints its environment, one NAME=value in a line.
func printEnvironment() []byte {
	const pointers, text, size = 1 << 16, 1 << 18, 0
	p := moduletest.NewProgram(8, "environ_sizes_get", "environ_get", "fd_write")
	out := p.Vector(text, 0)
	// Local 0 goes over the text, and makes lines of what ends with a NUL.
	end := moduletest.I32Const(text) + moduletest.I32Const(int32(out)) + moduletest.I32Load(4) + moduletest.I32Add
	line := moduletest.LocalGet(0) + moduletest.I32Load8(0) + moduletest.I32Eqz + moduletest.If(moduletest.LocalGet(0)+moduletest.I32Const('\n')+store8)
	next := moduletest.LocalGet(0) + moduletest.I32Const(1) + moduletest.I32Add + moduletest.LocalTee(0) + end + moduletest.I32LtU
	return p.Main([]moduletest.Type{moduletest.I32},
		moduletest.I32Const(size)+moduletest.I32Const(int32(out+4))+p.Call("environ_sizes_get")+moduletest.Drop+
			moduletest.I32Const(pointers)+moduletest.I32Const(text)+p.Call("environ_get")+moduletest.Drop+
			moduletest.I32Const(text)+moduletest.LocalSet(0)+
			moduletest.Again(line+next+moduletest.BrIf(0))+
			moduletest.I32Const(1)+moduletest.I32Const(int32(out))+moduletest.I32Const(1)+moduletest.I32Const(0)+p.Call("fd_write")+moduletest.Drop)
}

// store8 stores one byte.
const store8 moduletest.Code = "\x3a\x00\x00"
