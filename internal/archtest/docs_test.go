package archtest

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func TestEveryPackageHasADoc(t *testing.T) {
	top := root(t)
	for _, dir := range append([]string{top}, nested(t, top)...) {
		for _, p := range packages(t, dir, "linux") {
			if p.Doc == "" && len(p.GoFiles) > 0 && !generated(p) {
				t.Errorf("%s has no package comment", p.ImportPath)
			}
			if p.Name != "main" && p.Doc != "" && !strings.HasPrefix(p.Doc, "Package "+p.Name+" ") {
				t.Errorf("%s: the package comment begins with %q, want %q", p.ImportPath, p.Doc, "Package "+p.Name+" ...")
			}
		}
	}
}

func TestEveryExportedNameHasADoc(t *testing.T) {
	top := root(t)
	for _, dir := range append([]string{top}, nested(t, top)...) {
		for _, p := range packages(t, dir, "linux") {
			if generated(p) {
				continue
			}
			for _, f := range p.GoFiles {
				checkFile(t, top, filepath.Join(p.Dir, f))
			}
		}
	}
}

func generated(p pkg) bool { return strings.Contains(p.ImportPath, "/shared/proto/") }

// checkFile wants a comment at each exported name and no function called init.
func checkFile(t *testing.T, top, path string) {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Error(err)
		return
	}
	report := func(n ast.Node, what string) {
		pos := set.Position(n.Pos())
		rel, _ := filepath.Rel(top, pos.Filename)
		t.Errorf("%s:%d: %s", rel, pos.Line, what)
	}
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.Name == "init" && d.Recv == nil {
				report(d, "init: nothing happens before main")
			}
			if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) && !known[d.Name.Name] {
				report(d, d.Name.Name+" has no comment")
			}
		case *ast.GenDecl:
			checkDecl(d, report)
		}
	}
}

// known are methods whose meaning is that of an interface everybody knows.
var known = map[string]bool{"Error": true, "Unwrap": true, "String": true}

func checkDecl(d *ast.GenDecl, report func(ast.Node, string)) {
	for _, s := range d.Specs {
		switch s := s.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
				report(s, s.Name.Name+" has no comment")
			}
		case *ast.ValueSpec:
			if s.Names[0].IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
				report(s, s.Names[0].Name+" has no comment")
			}
		}
	}
}

// exportedReceiver reports whether d is a function or a method of an exported type.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	typ := d.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.IndexListExpr:
			typ = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}

// series matches the name of a metric in the code.
var series = regexp.MustCompile(`"(solti_[a-z_]+)"`)

func TestEveryMetricIsDocumented(t *testing.T) {
	top := root(t)
	doc, err := os.ReadFile(filepath.Join(top, "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(top, "host", "internal", "metrics", "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no metrics: %v", err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range series.FindAllSubmatch(text, -1) {
			if !bytes.Contains(doc, []byte("`"+string(m[1])+"`")) {
				t.Errorf("docs/operations.md does not list %s", m[1])
			}
		}
	}
}

// private matches paths below somebody's home.
var private = regexp.MustCompile(`/(home|Users)/[a-z][a-z0-9_-]*/|/root/[a-z.]`)

func TestNoFileNamesAPathOfItsAuthorsMachine(t *testing.T) {
	top := root(t)
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "-z")
	cmd.Dir = top
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("not a git work tree: %v", err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		text, err := os.ReadFile(filepath.Join(top, name))
		if err != nil || bytes.IndexByte(text, 0) >= 0 {
			continue // deleted but not yet committed, or binary
		}
		if m := private.Find(text); m != nil {
			t.Errorf("%s contains %q", name, m)
		}
		if strings.Count(top, "/") > 1 && bytes.Contains(text, []byte(top+"/")) {
			t.Errorf("%s contains %q", name, top+"/")
		}
	}
}
