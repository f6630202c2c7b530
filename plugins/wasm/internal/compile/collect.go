package compile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/soltihq/solti-host/plugins/wasm/internal/cache"
	"github.com/soltihq/solti-host/plugins/wasm/internal/content"
	"github.com/soltihq/solti-host/plugins/wasm/internal/memfile"
	"github.com/soltihq/solti-host/plugins/wasm/internal/spawn"
)

var errLeftovers = errors.New("the compiler did not leave exactly one file of native code")

// maxReport is how many bytes of a report are read.
const maxReport = 32 << 20

// collect makes a result of what a child has left, which is dead.
func (c *Compiler) collect(j *job, exit spawn.Exit, o Options) (*Result, error) {
	if err := j.limits.failure(exit, o.CheckOnly); err != nil {
		return nil, err
	}
	r, err := readReport(j.report)
	if err != nil {
		return nil, &CrashError{exit.String(), "its report cannot be read: " + err.Error()}
	}
	if err := j.limits.judge(r, o.CheckOnly); err != nil {
		return nil, err
	}
	result := &Result{
		Facts: r.Facts, Changed: r.Changed, Dropped: r.Dropped, Segments: r.Segments,
		Usage: usageOf(exit),
	}
	if r.NoShell != "" {
		c.config.Log.Warn("a compiled module has no shell, so its workers load it whole, which takes them longer", "problem", r.NoShell)
	}
	if err := result.take(j, o, r.NoShell == ""); err != nil {
		return nil, errors.Join(fmt.Errorf("take over what was compiled: %w", err), result.Close())
	}
	if o.Admitted != "" && result.Digest != o.Admitted {
		return nil, errors.Join(&CrashError{"it compiled another module", string(result.Digest)}, result.Close())
	}
	return result, nil
}

// take takes over the files. Shelled says that there is a shell of what was compiled.
func (r *Result) take(j *job, o Options, shelled bool) error {
	if err := memfile.Seal(j.derived); err != nil {
		return err
	}
	r.Derived, j.derived = j.derived, nil
	st, err := r.Derived.Stat()
	if err != nil {
		return err
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(r.Derived, 0, st.Size())); err != nil {
		return err
	}
	if r.Digest, err = content.ParseDigest("sha256:" + hex.EncodeToString(h.Sum(nil))); err != nil {
		return err
	}
	if o.CheckOnly {
		return nil
	}
	if r.Native, err = findNative(j, wholeDir); err != nil || !shelled {
		return err
	}
	return r.takeShell(j)
}

// takeShell takes over the shell, under the name of the code that was made of it.
func (r *Result) takeShell(j *job) error {
	named, err := findNative(j, shellDir)
	if err != nil {
		return err
	}
	_ = named.File.Close()
	if err := memfile.Seal(j.shell); err != nil {
		return err
	}
	r.Shell, j.shell = cache.NamedFile{Name: named.Name, File: j.shell}, nil
	return nil
}

func readReport(f *os.File) (*report, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() > maxReport {
		return nil, fmt.Errorf("it has %d bytes", st.Size())
	}
	text := make([]byte, st.Size())
	if _, err := f.ReadAt(text, 0); err != nil {
		return nil, err
	}
	r := new(report)
	return r, json.Unmarshal(text, r)
}

// findNative opens the only file in one of the directories below the scratch directory.
func findNative(j *job, dir string) (cache.NamedFile, error) {
	root, err := os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", j.scratch.File().Fd()))
	if err != nil {
		return cache.NamedFile{}, err
	}
	defer func() { _ = root.Close() }()
	below, err := root.OpenRoot(dir)
	if err != nil {
		return cache.NamedFile{}, fmt.Errorf("%w: %w", errLeftovers, err)
	}
	defer func() { _ = below.Close() }()
	var found []string
	err = fs.WalkDir(below.FS(), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			found = append(found, path)
			if !d.Type().IsRegular() {
				return errLeftovers
			}
		}
		return err
	})
	if err == nil && len(found) != 1 {
		err = errLeftovers
	}
	if err != nil {
		return cache.NamedFile{}, err
	}
	file, err := below.Open(found[0])
	return cache.NamedFile{Name: found[0], File: file}, err
}
