package discovery

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const script = "#!/bin/sh\nexit 0\n"

// install writes a plugin file whatever the umask says.
func install(t *testing.T, dir, file, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, file)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func pluginDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func names(r Result) (accepted, rejected []string) {
	for _, f := range r.Accepted {
		accepted = append(accepted, f.Name)
	}
	for _, j := range r.Rejected {
		rejected = append(rejected, j.Name)
	}
	return accepted, rejected
}

func TestScanTakesOnlyFilesWithPluginNamesAndNamesTheMisnamed(t *testing.T) {
	dir := pluginDir(t)
	for _, f := range []string{
		"solti-runner-b", "solti-runner-a", "solti-runner-a2-x",
		".solti-runner-c", "solti-runner-", "solti-runner-A", "solti-runner-a.tmp", "solti-runner-a~",
		"solti-runner-1", "solti-runner-" + strings.Repeat("a", 64), "other", "solti-runner_a",
	} {
		install(t, dir, f, script, 0o755)
	}
	if err := os.Mkdir(filepath.Join(dir, "solti-runner-dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	r, err := Scan(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	got, bad := names(r)
	misnamed := []string{"", "1", "A", strings.Repeat("a", 64), "dir"}
	if want := []string{"a", "a2-x", "b"}; !slices.Equal(got, want) || !slices.Equal(bad, misnamed) {
		t.Errorf("accepted %q, rejected %q, want %q and %q", got, bad, want, misnamed)
	}
	sum := sha256.Sum256([]byte(script))
	if want := hex.EncodeToString(sum[:]); r.Accepted[0].SHA256 != want {
		t.Errorf("digest %s, want %s", r.Accepted[0].SHA256, want)
	}
}

func TestScanKeepsTheConfiguredOrder(t *testing.T) {
	dir := pluginDir(t)
	for _, n := range []string{"a", "b", "c", "d"} {
		install(t, dir, Prefix+n, script, 0o755)
	}
	r, err := Scan(dir, []string{"d", "b", "missing", "d"})
	if err != nil {
		t.Fatal(err)
	}
	got, bad := names(r)
	if want := []string{"d", "b", "a", "c"}; !slices.Equal(got, want) {
		t.Errorf("order %q, want %q", got, want)
	}
	if want := []string{"d", "missing"}; !slices.Equal(bad, want) {
		t.Errorf("reported %q, want %q", bad, want)
	}
}

func TestScanRejectsUnsafeFiles(t *testing.T) {
	dir := pluginDir(t)
	outside := install(t, pluginDir(t), "evil", script, 0o755)
	elf := "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x02\x00\xf7\x00" + strings.Repeat("\x00", 44)
	object := "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9) + "\x01\x00\x3e\x00" + strings.Repeat("\x00", 44)
	files := []struct {
		name, content string
		mode          os.FileMode
		want          string
	}{
		{"group", script, 0o775, "chmod go-w"},
		{"world", script, 0o757, "chmod go-w"},
		{"setuid", script, 0o755 | os.ModeSetuid, "chmod ug-s"},
		{"setgid", script, 0o755 | os.ModeSetgid, "chmod ug-s"},
		{"plain", script, 0o644, "chmod +x"},
		{"empty", "", 0o755, "empty"},
		{"text", "hello, world, this is no program", 0o755, "neither"},
		{"nointerp", "#!\n", 0o755, "interpreter"},
		{"badinterp", "#!/no/such/interpreter -x\n", 0o755, "/no/such/interpreter"},
		{"relinterp", "#!python\n", 0o755, "interpreter"},
		{"machine", elf, 0o755, "another machine"},
		{"object", object, 0o755, "no executable"},
	}
	for _, f := range files {
		install(t, dir, Prefix+f.name, f.content, f.mode)
	}
	link := func(target, name string) {
		if err := os.Symlink(target, filepath.Join(dir, Prefix+name)); err != nil {
			t.Fatal(err)
		}
	}
	link(outside, "outside")
	link("nowhere", "dangling")
	link(Prefix+"good", "inside")
	install(t, dir, Prefix+"good", script, 0o755)
	r, err := Scan(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := names(r); !slices.Equal(got, []string{"good", "inside"}) {
		t.Errorf("accepted %q, want good and inside", got)
	}
	why := make(map[string]string)
	for _, j := range r.Rejected {
		why[j.Name] = j.Error()
	}
	for _, f := range files {
		if !strings.Contains(why[f.name], f.want) {
			t.Errorf("%s: rejected with %q, want it to contain %q", f.name, why[f.name], f.want)
		}
	}
	if !strings.Contains(why["outside"], outside) || why["dangling"] == "" {
		t.Errorf("links: outside %q, dangling %q", why["outside"], why["dangling"])
	}
}

func TestScanRefusesUnsafeDirectories(t *testing.T) {
	base := pluginDir(t)
	mk := func(path string, mode os.FileMode) string {
		path = filepath.Join(base, path)
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cases := []struct{ name, dir, want string }{
		{"missing", filepath.Join(base, "missing"), "mkdir -p"},
		{"world-writable", mk("open", 0o777), "chmod go-w " + base + "/open"},
		{"sticky itself", mk("sticky", 0o777|os.ModeSticky), "chmod go-w"},
		{"below writable", mk("open/below", 0o755), "chmod go-w " + base + "/open"},
		{"file", install(t, base, "file", script, 0o755), "not a directory"},
	}
	for _, c := range cases {
		_, err := Scan(c.dir, nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want it to contain %q", c.name, err, c.want)
		}
	}
	if _, err := Scan(mk("sticky/below", 0o755), nil); err != nil {
		t.Errorf("a safe directory below a sticky one was refused: %v", err)
	}
	if os.Geteuid() == 0 {
		foreign := mk("foreign", 0o755)
		if err := os.Chown(foreign, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		if _, err := Scan(foreign, nil); err == nil || !strings.Contains(err.Error(), "65534") {
			t.Errorf("a directory of another user: error %v", err)
		}
	}
}

func TestScanFollowsTrustedLinksToTheDirectory(t *testing.T) {
	base := pluginDir(t)
	dir := filepath.Join(base, "real")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	install(t, dir, Prefix+"a", script, 0o755)
	link := filepath.Join(base, "link")
	if err := os.Symlink("real", link); err != nil {
		t.Fatal(err)
	}
	r, err := Scan(link, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Dir != dir || len(r.Accepted) != 1 || r.Accepted[0].Path != filepath.Join(dir, Prefix+"a") {
		t.Errorf("got %+v, want everything under %s", r, dir)
	}
	if os.Geteuid() == 0 {
		if err := os.Lchown(link, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		if _, err := Scan(link, nil); err == nil {
			t.Error("a symlink of another user was followed")
		}
	}
	loop := filepath.Join(base, "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	if _, err := Scan(loop, nil); err == nil {
		t.Error("a loop of symlinks was followed")
	}
}

func TestCheckNeverLeavesTheDirectory(t *testing.T) {
	dir := pluginDir(t)
	for _, name := range []string{"", "..", "../x", "a/b", "a\x00b", "A", "-a", "a_b", strings.Repeat("a", 64)} {
		if _, err := Check(dir, name); err == nil {
			t.Errorf("Check took the name %q", name)
		}
	}
}

func TestRecheckSeesWhatWasReplaced(t *testing.T) {
	dir := pluginDir(t)
	path := install(t, dir, Prefix+"a", script, 0o755)
	was, err := Check(dir, "a")
	if err != nil {
		t.Fatal(err)
	}
	if now, err := Recheck(dir, was); err != nil || now != was {
		t.Errorf("untouched: %+v, %v", now, err)
	}
	install(t, dir, "new", script+"#", 0o755)
	if err := os.Rename(filepath.Join(dir, "new"), path); err != nil {
		t.Fatal(err)
	}
	if now, err := Recheck(dir, was); err != nil || now.SHA256 == was.SHA256 {
		t.Errorf("replaced: %+v, %v", now, err)
	}
	if err := os.Chmod(path, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Recheck(dir, was); err == nil {
		t.Error("an unsafe mode went unseen")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := Recheck(dir, was); err == nil {
		t.Error("a removed file went unseen")
	}
}

func FuzzFormat(f *testing.F) {
	f.Add([]byte("#!/bin/sh\n"))
	f.Add([]byte("\x7fELF"))
	f.Add([]byte("\xca\xfe\xba\xbe\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, head []byte) {
		checkELF("x", head)
		checkMachO("x", head)
		if len(head) > 2 {
			checkScript("x", head[2:])
		}
	})
}
