package plugin

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

func ownedByUs(path string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if ok && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d: chown %d %s", path, st.Uid, os.Geteuid(), path)
	}
	return nil
}
