package runner

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/image"
	"github.com/soltihq/solti-host/plugins/wasm/internal/wire"
	"github.com/soltihq/solti-host/plugins/wasm/internal/workload"
)

// open opens a mount's directory. Where it really is has to be granted, whatever links lead there.
func (t *task) open(m workload.Mount) (*os.File, error) {
	fd, err := unix.Open(m.Host, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Host, err)
	}
	f := os.NewFile(uintptr(fd), m.Host)
	real, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	switch {
	case err != nil:
	case strings.HasSuffix(real, " (deleted)"):
		err = errors.New("the directory was removed")
	case !t.settings.Within(real, m.Mode):
		err = &grantError{m, real}
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// A grantError says that a directory is not what it seemed to be.
type grantError struct {
	mount workload.Mount
	real  string
}

func (e *grantError) Error() string {
	return fmt.Sprintf("%s is really %s, which the operator does not allow with mode %s; see plugins.wasm.settings.mounts",
		e.mount.Host, e.real, e.mount.Mode)
}

// identify tells directories apart, whatever they are called.
func identify(mounts []wire.Mount) (string, error) {
	var b strings.Builder
	for _, m := range mounts {
		raw, err := m.Dir.SyscallConn()
		if err != nil {
			return "", err
		}
		var st unix.Statx_t
		var failed error
		err = raw.Control(func(fd uintptr) {
			failed = unix.Statx(int(fd), "", unix.AT_EMPTY_PATH, unix.STATX_INO|unix.STATX_BTIME, &st)
		})
		if err = errors.Join(err, failed); err != nil {
			return "", err
		}
		// A directory that was removed and made again may have the number of the one before.
		fmt.Fprintf(&b, "%d:%d:%d:%d.%d:%t ", st.Dev_major, st.Dev_minor, st.Ino, st.Btime.Sec, st.Btime.Nsec, m.Writable)
	}
	return b.String(), nil
}

// grants lists all that a guest can reach, and how it runs.
func (t *task) grants(img *image.Image, from image.From, ready wire.Ready) map[string]string {
	w := t.workload
	g := map[string]string{
		"module": string(img.Module), "engine": ready.Engine.String(), "code": string(from),
		"memory": w.Limits.Memory.String(), "clock": string(w.Clock), "random": string(w.Random), "isolation": string(w.Isolation),
		"landlock": fmt.Sprint(ready.Landlock), "openFiles": fmt.Sprint(w.Limits.OpenFiles),
		"output": w.Limits.Output.Bytes.String() + " " + string(w.Limits.Output.Over),
	}
	if w.Limits.CPU > 0 {
		g["cpu"] = w.Limits.CPU.String()
	}
	var mounts []string
	for _, m := range w.Mounts {
		text := m.Host + ":" + m.Guest + ":" + string(m.Mode)
		if m.Quota > 0 {
			text += ":" + m.Quota.String()
		}
		if m.Links {
			text += ":links"
		}
		mounts = append(mounts, text)
	}
	if len(mounts) > 0 {
		g["mounts"] = strings.Join(mounts, " ")
	}
	if len(w.Listeners) > 0 {
		g["listeners"] = strings.Join(w.Listeners, " ")
	}
	var features []string
	for _, f := range w.Features {
		features = append(features, string(f))
	}
	if len(features) > 0 {
		g["features"] = strings.Join(features, " ")
	}
	return g
}
