package workload

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/soltihq/solti-host/sdk"
)

// Limits of a workload, in bytes where nothing else is said.
const (
	MaxText   = 128 << 10 // of arguments and variables together, as wasi keeps them
	MaxInline = 1 << 20   // of an inline module
	MaxStdin  = 1 << 20
	maxList   = 1024 // arguments, variables
	maxMounts = 32   // and listeners
	maxPath   = 4095
	maxFiles  = 4096
	pageSize  = 64 << 10
	noNUL     = "must not hold a NUL byte"
)

func (w *Workload) check(v *sdk.Violations) {
	w.Module.check(v)
	w.checkTexts(v)
	w.checkInput(v)
	w.checkMounts(v)
	w.Limits.check(v)
	oneOf(v, "clock", w.Clock, RealClock, CoarseClock, NoClock)
	oneOf(v, "random", w.Random, SystemRandom, Seeded)
	oneOf(v, "isolation", w.Isolation, Process, Reuse)
	oneOf(v, "start", w.Start, Compiled, Fast)
	oneOf(v, "debug", w.Debug, NoDebug, Lines)
	for i, f := range w.Features {
		oneOf(v, item("features", i), f, TailCall)
	}
	switch {
	case w.Random == Seeded && w.Seed == "":
		v.Add("seed", "is required where random is seeded")
	case w.Random != Seeded && w.Seed != "":
		v.Add("seed", "has no meaning unless random is seeded")
	case len(w.Seed) > maxPath:
		v.Add("seed", "is %d bytes long, at most %d are allowed", len(w.Seed), maxPath)
	}
	if len(w.EntryPoint) > maxPath || strings.Contains(w.EntryPoint, "\x00") {
		v.Add("entryPoint", "must be at most %d bytes, without a NUL byte", maxPath)
	}
	if w.Isolation == Reuse && w.Start == Fast {
		v.Add("start", "cannot be fast where isolation is reuse: the interpreted worker would stay")
	}
}

func (m *Module) check(v *sdk.Violations) {
	var given []string
	for name, set := range map[string]bool{"path": m.Path != "", "digest": m.Digest != "", "oci": m.OCI != nil, "inline": m.Inline != ""} {
		if set {
			given = append(given, name)
		}
	}
	slices.Sort(given)
	switch {
	case len(given) == 0:
		v.Add("module", "needs one of path (with sha256), digest, oci and inline")
	case len(given) > 1:
		v.Add("module", "takes only one of path, digest, oci and inline, not %s", strings.Join(given, " and "))
	}
	if m.Path != "" {
		checkPath(v, "module.path", m.Path)
	}
	if m.SHA256 != "" {
		if m.Path == "" {
			v.Add("module.sha256", "belongs to path; write digest: sha256:... for a module that the runner has already")
		} else if !isHash(m.SHA256) {
			v.Add("module.sha256", "must be 64 lower-case hex digits, as sha256sum prints them")
		}
	}
	if hash, ok := strings.CutPrefix(m.Digest, "sha256:"); m.Digest != "" && !(ok && isHash(hash)) {
		v.Add("module.digest", "must be sha256: and 64 lower-case hex digits")
	}
	if m.OCI != nil {
		checkPath(v, "module.oci.layout", m.OCI.Layout)
		if len(m.OCI.Reference) > 256 {
			v.Add("module.oci.reference", "is %d bytes long, at most 256 are allowed", len(m.OCI.Reference))
		}
	}
	checkBase64(v, "module.inline", m.Inline, MaxInline)
	checkBase64(v, "module.signature", m.Signature, 4096)
}

func isHash(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == 64 && s == strings.ToLower(s)
}

func (w *Workload) checkTexts(v *sdk.Violations) {
	if len(w.Args) > maxList || len(w.Env) > maxList {
		v.Add("args", "and env may hold %d items each, not %d and %d", maxList, len(w.Args), len(w.Env))
		return
	}
	sum := 0
	for i, arg := range w.Args {
		sum += len(arg) + 1
		if strings.Contains(arg, "\x00") {
			v.Add(item("args", i), noNUL)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.Env)) {
		sum += len(name) + len(w.Env[name]) + 2
		if problem := EnvProblem(name, w.Env[name]); problem != "" {
			v.Add(fmt.Sprintf("env[%q]", name), "%s", problem)
		}
	}
	if sum > MaxText {
		v.Add("args", "and env have %d bytes together, at most %d are allowed; pass large data by stdin or a mount", sum, MaxText)
	}
}

// EnvProblem says what is wrong with a variable, wherever it comes from, or nothing.
func EnvProblem(name, value string) string {
	switch {
	case name == "":
		return "a variable's name must not be empty"
	case strings.ContainsAny(name, "=\x00"):
		return "a variable's name must hold neither = nor a NUL byte"
	case strings.Contains(value, "\x00"):
		return noNUL
	}
	return ""
}

func (w *Workload) checkInput(v *sdk.Violations) {
	switch {
	case w.Stdin != nil && w.StdinBase64 != nil:
		v.Add("stdinBase64", "must be absent where stdin is given")
	case w.Stdin != nil && len(*w.Stdin) > MaxStdin:
		v.Add("stdin", "is %d bytes long, at most %d are allowed; pass large data by a mount", len(*w.Stdin), MaxStdin)
	case w.StdinBase64 != nil:
		checkBase64(v, "stdinBase64", *w.StdinBase64, MaxStdin)
	}
}

func checkBase64(v *sdk.Violations, where, text string, most int) {
	b, err := base64.StdEncoding.DecodeString(text)
	switch {
	case err != nil:
		v.Add(where, "is not base64: %v", err)
	case len(b) > most:
		v.Add(where, "is %d bytes long, at most %d are allowed", len(b), most)
	}
}

func (w *Workload) checkMounts(v *sdk.Violations) {
	if len(w.Mounts) > maxMounts || len(w.Listeners) > maxMounts {
		v.Add("mounts", "and listeners may be %d each, not %d and %d", maxMounts, len(w.Mounts), len(w.Listeners))
		return
	}
	seen := make(map[string]bool)
	for i, m := range w.Mounts {
		at := item("mounts", i)
		checkPath(v, at+".host", m.Host)
		checkPath(v, at+".guest", m.Guest)
		oneOf(v, at+".mode", m.Mode, ReadOnly, ReadWrite)
		if guest := path.Clean(m.Guest); seen[guest] {
			v.Add(at+".guest", "%s is mounted twice", guest)
		} else {
			seen[guest] = true
		}
		if m.Mode == ReadOnly && (m.Quota != 0 || m.Links) {
			v.Add(at+".mode", "must be rw where quota or links are given")
		}
	}
	for i, name := range w.Listeners {
		if name == "" || len(name) > 63 || slices.Contains(w.Listeners[:i], name) {
			v.Add(item("listeners", i), "%q must be a name of at most 63 bytes, given once", name)
		}
	}
}

func checkPath(v *sdk.Violations, where, p string) {
	switch {
	case !strings.HasPrefix(p, "/"):
		v.Add(where, "%q must be absolute, such as /srv/app", p)
	case strings.Contains(p, "\x00"):
		v.Add(where, noNUL)
	case len(p) > maxPath:
		v.Add(where, "is %d bytes long, at most %d are allowed", len(p), maxPath)
	}
}

func (l *Limits) check(v *sdk.Violations) {
	if l.Memory < pageSize || l.Memory > MaxMemory || l.Memory%pageSize != 0 {
		v.Add("limits.memory", "must be a multiple of 64KiB up to %s, as %s is not", MaxMemory, l.Memory)
	}
	if l.CPU < 0 || l.CPU > 0 && l.CPU < 10*time.Millisecond {
		v.Add("limits.cpu", "must be at least 10ms, or 0 for no limit")
	}
	if l.OpenFiles < 1 || l.OpenFiles > maxFiles {
		v.Add("limits.openFiles", "must be between 1 and %d, not %d", maxFiles, l.OpenFiles)
	}
	oneOf(v, "limits.output.over", l.Output.Over, Block, Drop, Kill)
}

func oneOf[T ~string](v *sdk.Violations, where string, value T, allowed ...T) {
	if slices.Contains(allowed, value) {
		return
	}
	words := make([]string, len(allowed))
	for i, a := range allowed {
		words[i] = string(a)
	}
	v.Add(where, "%q is not one of %s", string(value), strings.Join(words, ", "))
}

func item(where string, i int) string { return fmt.Sprintf("%s[%d]", where, i) }
