package process

import (
	"path/filepath"
	"strings"
	"syscall"
)

// lookup returns the path to execute for name. A name with a slash is taken as it is; any other is
// looked for in the directories of path. Relative directories are skipped, so that what is run never
// depends on what lies in the working directory.
func lookup(name, path string) (string, bool) {
	if strings.Contains(name, "/") {
		return name, true
	}
	for dir := range strings.SplitSeq(path, ":") {
		if !filepath.IsAbs(dir) {
			continue
		}
		file := dir + "/" + name
		if executable(file) {
			return file, true
		}
	}
	return "", false
}

func executable(file string) bool {
	var st syscall.Stat_t
	if err := syscall.Stat(file, &st); err != nil {
		return false
	}
	return st.Mode&syscall.S_IFMT == syscall.S_IFREG && st.Mode&0o111 != 0 && syscall.Access(file, 1) == nil
}
