package orphan

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// A stat is the part of /proc/PID/stat that tells whose a process is.
type stat struct {
	state   byte
	group   int
	session int
	start   uint64 // clock ticks since boot
}

var errStat = errors.New("malformed /proc/PID/stat")

// maxStat is what is read of /proc/PID/stat. As far as it is wanted it has 22 fields, of which the name
// is the longest with 64 bytes.
const maxStat = 1 << 10

// readStat reads what the kernel tells about a process. Many attempts do it, and an [os.File] would cost
// more than the reading.
func readStat(pid int) (stat, error) {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return stat{}, err
	}
	defer func() { _ = unix.Close(fd) }()
	var buf [maxStat]byte
	for {
		n, err := unix.Read(fd, buf[:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return stat{}, err
		}
		return parseStat(buf[:n])
	}
}

// parseStat reads the fields after the command's name, which ends at the last parenthesis and may
// hold anything before it.
func parseStat(data []byte) (stat, error) {
	end := bytes.LastIndexByte(data, ')')
	if end < 0 {
		return stat{}, errStat
	}
	var fields [20][]byte
	n := 0
	for field := range bytes.FieldsSeq(data[end+1:]) {
		if fields[n] = field; n == len(fields)-1 {
			break
		}
		n++
	}
	if n != len(fields)-1 || len(fields[0]) != 1 {
		return stat{}, errStat
	}
	group, err1 := strconv.Atoi(string(fields[2]))
	session, err2 := strconv.Atoi(string(fields[3]))
	start, err3 := strconv.ParseUint(string(fields[19]), 10, 64)
	if errors.Join(err1, err2, err3) != nil {
		return stat{}, errStat
	}
	return stat{state: fields[0][0], group: group, session: session, start: start}, nil
}

// StartTime returns when a process was started, in clock ticks since boot.
func StartTime(pid int) (uint64, error) {
	st, err := readStat(pid)
	return st.start, err
}

// maxEnviron bounds what is read of a process's environment.
const maxEnviron = 8 << 20

// runIDOf returns the value of the variable called marker in a process's environment. The second
// result is false if the environment is empty, as it is in the middle of an exec.
func runIDOf(pid int, marker string) (string, bool) {
	file, err := os.Open("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return "", true
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, maxEnviron))
	if err != nil {
		return "", true
	}
	prefix := []byte(marker + "=")
	for entry := range bytes.SplitSeq(data, []byte{0}) {
		if value, ok := bytes.CutPrefix(entry, prefix); ok {
			return string(value), true
		}
	}
	return "", len(data) > 0
}
