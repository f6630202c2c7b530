package archtest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// imports says, for every package, which packages of this module it may import. A package imports
// only what stands above it. "X/..." stands for X and what lies below it; what lies below a package
// of the table may also be imported by that package, and may import what that package may.
var imports = []struct {
	path  string
	may   []string
	tests []string // further ones, in its tests
}{
	{path: "shared/proto/solti/task/v1"},
	{path: "shared/proto/solti/plugin/v1", may: []string{"shared/proto/solti/task/v1"}},
	{path: "shared/proto/solti/api/v1", may: []string{"shared/proto/solti/task/v1"}},
	{path: "sdk", may: []string{"shared/proto/solti/task/v1", "shared/proto/solti/plugin/v1"},
		tests: []string{"sdk/sdktest"}},
	{path: "sdk/sdktest", may: []string{"sdk", "shared/proto/solti/task/v1", "shared/proto/solti/plugin/v1"}},
	{path: "host/task"},
	{path: "host/internal/policy", may: []string{"host/task"}},
	{path: "host/internal/event", may: []string{"host/task"}},
	{path: "host/internal/discovery"},
	{path: "host/internal/fence"},
	{path: "host/internal/plugin", may: []string{
		"host/internal/discovery", "host/internal/fence", "host/internal/event", "host/task", "sdk",
		"shared/proto/solti/plugin/v1", "shared/proto/solti/task/v1"}},
	{path: "host/internal/router", may: []string{"host/task"}},
	{path: "host/internal/supervisor", may: []string{"host/task", "host/internal/policy", "host/internal/event"}},
	{path: "host/internal/store", may: []string{"host/task", "host/internal/event"}},
	{path: "host/internal/state", may: []string{"host/task", "host/internal/event", "host/internal/store"},
		tests: []string{"host/internal/store/..."}},
	{path: "host/internal/output", may: []string{"host/task", "host/internal/event"}},
	{path: "host/internal/tail", may: []string{"host/task", "host/internal/output"}},
	{path: "host/internal/metrics", may: []string{"host/task", "host/internal/event", "sdk"}},
	{path: "host/internal/execute", may: []string{
		"host/task", "host/internal/output", "host/internal/router", "host/internal/policy",
		"host/internal/supervisor", "host/internal/plugin", "shared/proto/solti/plugin/v1"}},
	{path: "host/internal/dispatch", may: []string{"host/task", "host/internal/event", "host/internal/supervisor"}},
	{path: "host/internal/api", may: []string{
		"host/task", "host/internal/event", "shared/proto/solti/api/v1", "shared/proto/solti/task/v1"}},
	{path: "host/internal/config", may: []string{"host/task"}},
	{path: "host", may: []string{"host/task", "host/internal/...", "sdk",
		"shared/proto/solti/api/v1", "shared/proto/solti/plugin/v1", "shared/proto/solti/task/v1"}},
	{path: "host/client", may: []string{"host/task", "shared/proto/solti/api/v1", "shared/proto/solti/task/v1"},
		tests: []string{"host", "host/internal/api"}},
	{path: "cmd/solti-host", may: []string{"host", "host/client", "host/task"}},
	{path: "plugins/internal/schematest"},
	{path: "plugins/subprocess", may: []string{"sdk"}, tests: []string{"sdk/sdktest", "plugins/internal/schematest"}},
	{path: "plugins/wasm", may: []string{"sdk"}, tests: []string{
		"sdk/sdktest", "plugins/internal/schematest", "shared/proto/solti/plugin/v1", "shared/proto/solti/task/v1"}},
	{path: "plugins/container", may: []string{"sdk"}, tests: []string{"sdk/sdktest"}},
	{path: "examples", may: []string{"sdk", "host", "host/task", "host/client"}, tests: []string{"sdk/sdktest"}},
	{path: "bench", may: []string{"host", "host/task", "host/client", "sdk"}},
	{path: "chaos", may: []string{"host/task", "host/client", "sdk"}},
	{path: "e2e", may: []string{"host/task", "host/client", "shared/proto/solti/api/v1", "shared/proto/solti/task/v1"}},
	{path: "internal"},
}

func TestImportsFollowTheTable(t *testing.T) {
	top := root(t)
	for _, goos := range []string{"linux", "darwin"} {
		for _, p := range packages(t, top, goos) {
			checkImports(t, goos, p)
		}
	}
}

// A plugin author's module knows the SDK alone, and in tests what goes over the wire.
func TestExampleModulesImportOnlyTheSDK(t *testing.T) {
	for _, dir := range nested(t, root(t)) {
		for _, p := range packages(t, dir, "linux") {
			home := "examples/" + filepath.Base(dir)
			for _, i := range p.Imports {
				if !allowed(i, home, []string{"sdk"}) {
					t.Errorf("%s imports %s: a plugin sees only the sdk", p.ImportPath, i)
				}
			}
			for _, i := range slices.Concat(p.TestImports, p.XTestImports) {
				if !allowed(i, home, []string{"sdk", "sdk/sdktest", "shared/proto/..."}) {
					t.Errorf("tests of %s import %s: they see only the sdk and the wire", p.ImportPath, i)
				}
			}
		}
	}
}

// A few foreign packages have a home: nobody else knows which database, which command line or which
// handshake there is.
func TestForeignPackagesHaveOneHome(t *testing.T) {
	homes := map[string][]string{
		"go.etcd.io/bbolt":               {"host/internal/store"},
		"github.com/spf13/cobra":         {"cmd/solti-host"},
		"github.com/hashicorp/go-plugin": {"sdk", "host/internal/plugin"},
		"github.com/prometheus/":         {"host", "host/internal/metrics", "host/internal/api", "host/internal/plugin", "sdk", "plugins/wasm/internal/metrics"},
		"github.com/santhosh-tekuri/":    {"host/internal/plugin", "sdk", "plugins/internal/schematest"},
		"testing": {
			"sdk/sdktest", "host/internal/store/storetest", "plugins/internal/schematest", "plugins/wasm/internal/proctest"},
	}
	for _, p := range packages(t, root(t), "linux") {
		for _, i := range p.Imports {
			for foreign, allowed := range homes {
				if i != foreign && !strings.HasPrefix(i, strings.TrimSuffix(foreign, "/")+"/") {
					continue
				}
				if !slices.ContainsFunc(allowed, func(home string) bool { return within(p.short(), home) }) {
					t.Errorf("%s imports %s, whose home is %q", p.short(), i, allowed)
				}
			}
		}
	}
}

func checkImports(t *testing.T, goos string, p pkg) {
	t.Helper()
	if p.short() == module || p.ImportPath == module {
		return // the module's root holds no package that is built
	}
	i := rule(p.short())
	if i < 0 {
		t.Errorf("%s: not in the table of internal/archtest/imports_test.go", p.short())
		return
	}
	r := imports[i]
	for _, im := range p.Imports {
		if !allowed(im, r.path, r.may) {
			t.Errorf("%s imports %s on %s; it may import %q", p.short(), im, goos, r.may)
		}
	}
	may := slices.Concat(r.may, r.tests)
	for _, im := range slices.Concat(p.TestImports, p.XTestImports) {
		if !allowed(im, r.path, may) {
			t.Errorf("tests of %s import %s on %s; they may import %q", p.short(), im, goos, may)
		}
	}
}

// rule returns the place of the table's closest entry at or above path, or -1.
func rule(path string) int {
	best, length := -1, 0
	for i, r := range imports {
		// What lies below host has entries of its own: host is where everything may be joined.
		if within(path, r.path) && (path == "host" || r.path != "host") && len(r.path) > length {
			best, length = i, len(r.path)
		}
	}
	return best
}

func allowed(imported, home string, may []string) bool {
	path, ours := strings.CutPrefix(imported, module+"/")
	if !ours {
		return true
	}
	if within(path, home) && rule(path) == rule(home) {
		return true
	}
	return slices.ContainsFunc(may, func(m string) bool {
		if tree, ok := strings.CutSuffix(m, "/..."); ok {
			return within(path, tree)
		}
		return path == m
	})
}

// within reports whether path is tree or lies below it.
func within(path, tree string) bool {
	return path == tree || strings.HasPrefix(path, tree+"/")
}

func TestTheMapForReadersHasTheTable(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range imports {
		if r.path != "internal" && !strings.Contains(string(text), "`"+r.path+"`") {
			t.Errorf("ARCHITECTURE.md does not have %s", r.path)
		}
	}
}

func TestTableIsInOrder(t *testing.T) {
	for i, r := range imports {
		for _, m := range r.may {
			if strings.HasSuffix(m, "/...") {
				continue
			}
			if !above(i, m) {
				t.Errorf("%s may import %s, which does not stand above it", r.path, m)
			}
		}
	}
}

// above reports whether path stands before entry i of the table.
func above(i int, path string) bool {
	for _, r := range imports[:i] {
		if r.path == path {
			return true
		}
	}
	return false
}
