package moduletest_test

import (
	"strings"
	"testing"

	"github.com/soltihq/solti-host/plugins/wasm/internal/moduletest"
)

func TestSimplePrograms(t *testing.T) {
	long := strings.Repeat("all of stdin ", 10_000)
	for _, c := range []struct {
		name           string
		guest          guest
		stdout, stderr string
		code           uint32
	}{
		{"hello", guest{wasm: moduletest.Hello("hello\n")}, "hello\n", "", 0},
		{"exit", guest{wasm: moduletest.Exit(7, "out", "err")}, "out", "err", 7},
		{"exit silently", guest{wasm: moduletest.Exit(1<<32-1, "", "")}, "", "", 1<<32 - 1},
		{"cat", guest{wasm: moduletest.Cat(), stdin: strings.NewReader(long)}, long, "", 0},
		{"arguments", guest{wasm: moduletest.Arguments(), args: []string{"a", "", "b c"}}, "a\x00\x00b c\x00", "", 0},
		{"environment", guest{wasm: moduletest.Environment(), env1: "A", env1Val: "1=2"}, "A=1=2\x00", "", 0},
	} {
		for _, interpreted := range []bool{false, true} {
			g := c.guest
			g.interpreted = interpreted
			if g.stdin != nil {
				g.stdin = strings.NewReader(long)
			}
			out, code, err := runHere(t, &g)
			if out != c.stdout || g.stderr.String() != c.stderr || code != c.code || err != nil {
				t.Errorf("%s: %d bytes %.20q, %q, code %d, %v", c.name, len(out), out, g.stderr.String(), code, err)
			}
		}
	}
}

func TestTrapsAreOfTheirKind(t *testing.T) {
	texts := map[string]string{
		"unreachable":              "unreachable",
		"memory_oob":               "out of bounds memory access",
		"table_oob":                "invalid table access",
		"null_element":             "invalid table access",
		"indirect_type":            "indirect call type mismatch",
		"div_zero":                 "integer divide by zero",
		"int_overflow":             "integer overflow",
		"bad_conversion":           "invalid conversion to integer",
		"stack_overflow":           "stack overflow",
		moduletest.UnalignedAtomic: "unaligned atomic",
	}
	for _, kind := range append(moduletest.Traps(), moduletest.UnalignedAtomic) {
		_, code, err := runHere(t, &guest{wasm: moduletest.Trap(kind)})
		named := kind == "stack_overflow" || err != nil && strings.Contains(err.Error(), ".work()")
		if err == nil || !strings.Contains(err.Error(), texts[kind]) || !named {
			t.Errorf("%s: code %d, %.300v", kind, code, err)
		}
	}
}
